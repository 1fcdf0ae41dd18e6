//! [`Cluster`]: a scheduler and two executors on loopback, each with a store of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use b2kit_object_store::v0_13::object_store::ObjectStore;
use ballista::prelude::SessionContextExt as _;
use ballista_core::extension::SessionConfigExt as _;
use ballista_core::serde::BallistaCodec;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::utils::{default_config_producer, default_session_builder};
use ballista_executor::new_standalone_executor_from_builder;
use ballista_scheduler::standalone::new_standalone_scheduler_with_builder;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use url::Url;

use crate::Outcome;
use crate::registry::Registry;

/// Number of tasks that an executor runs at once.
const TASKS: usize = 2;

pub type Options = [(String, String)];

/// A running cluster. It stops with the process.
pub struct Cluster {
    url: String,
    executors: Vec<Arc<AtomicU64>>,
}

impl Cluster {
    pub async fn start(options: &Options) -> Outcome<Self> {
        let of_scheduler = options.to_vec();
        let scheduler = new_standalone_scheduler_with_builder(
            Arc::new(move |config| session_with(config, &of_scheduler, Arc::default())),
            Arc::new(default_config_producer),
            BallistaCodec::default(),
        )
        .await?;
        let url = format!("http://localhost:{}", scheduler.port());
        let mut executors = Vec::new();
        for _ in 0..2 {
            let opened = Arc::<AtomicU64>::default();
            let session = session_with(default_config_producer(), options, Arc::clone(&opened))?;
            let runtime = Arc::clone(session.runtime_env());
            new_standalone_executor_from_builder(
                SchedulerGrpcClient::connect(url.clone()).await?,
                TASKS,
                Arc::new(default_config_producer),
                Arc::new(move |_| Ok(Arc::clone(&runtime))),
                BallistaCodec::default(),
                (&session).into(),
            )
            .await?;
            executors.push(opened);
        }
        Ok(Self { url, executors })
    }

    /// A session whose queries the cluster executes.
    pub async fn connect(&self, options: &Options) -> Outcome<SessionContext> {
        // The first query must not go to only one of the executors.
        let config = SessionConfig::new_with_ballista().with_target_partitions(2 * TASKS);
        let state = session_with(config, options, Arc::default())?;
        Ok(SessionContext::remote_with_state(&self.url, state).await?)
    }

    /// How often each executor opened the store of a B2 bucket.
    pub fn opened(&self) -> Vec<u64> {
        let executors = self.executors.iter();
        executors
            .map(|opened| opened.load(Ordering::Relaxed))
            .collect()
    }
}

/// A session of this process, without the cluster.
pub fn session(options: &Options) -> Result<SessionState> {
    session_with(SessionConfig::new(), options, Arc::default())
}

fn session_with(
    config: SessionConfig,
    options: &Options,
    opened: Arc<AtomicU64>,
) -> Result<SessionState> {
    let state = SessionStateBuilder::new_from_existing(default_session_builder(config)?);
    Ok(state.with_runtime_env(runtime(options, opened)?).build())
}

fn runtime(options: &Options, opened: Arc<AtomicU64>) -> Result<Arc<RuntimeEnv>> {
    let registry = CountingRegistry {
        registry: Registry::new(options.to_vec()),
        opened,
    };
    RuntimeEnvBuilder::new()
        .with_object_store_registry(Arc::new(registry))
        .build_arc()
}

/// Counts how often a store of a B2 bucket is opened.
#[derive(Debug)]
struct CountingRegistry {
    registry: Registry,
    opened: Arc<AtomicU64>,
}

impl ObjectStoreRegistry for CountingRegistry {
    fn register_store(
        &self,
        url: &Url,
        store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        self.registry.register_store(url, store)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        if url.scheme() == "b2" {
            self.opened.fetch_add(1, Ordering::Relaxed);
        }
        self.registry.get_store(url)
    }
}
