//! [`Load`]: the work of a sample.

use std::fmt;

use crate::Failure;
use crate::contender::{Client, Contender, Task};
use crate::meter::Meter;
use crate::process::Server;
use crate::sample::{self, Sample};

/// A number of files of a size, sequentially, or a number of listings of a length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) task: Task,
    pub(crate) times: u32,
    /// A file's bytes, or a listing's rows.
    pub(crate) size: u64,
}

impl Load {
    /// The smallest load that tests whether the benchmark works.
    pub(crate) fn minimized(self) -> Self {
        Self {
            times: self.times.min(2),
            size: match self.task {
                Task::Upload | Task::Download => self.size.min(1 << 20),
                Task::List => 2_000,
            },
            ..self
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, ", self.task)?;
        match (self.task, self.times) {
            (Task::List, _) => write!(f, "{},000 rows", self.size / 1_000),
            (_, 1) => write!(f, "{} MiB", self.size >> 20),
            (_, times) => write!(f, "{times} × {} KiB", self.size >> 10),
        }
    }
}

impl Load {
    /// Takes a sample in a new process, which runs the load once to warm up and once measured.
    pub(crate) fn take(self, server: &Server, contender: Contender) -> Result<Sample, Failure> {
        let numbers = [u64::from(server.port()), u64::from(self.times), self.size];
        let [port, times, size] = numbers.map(|number| number.to_string());
        Sample::take(&[&port, contender.name(), self.task.name(), &times, &size])
    }
}

/// The main function of a sample's process.
pub(crate) fn run_sample(what: &[&str]) -> Result<(), Failure> {
    let &[port, contender, task, times, size] = what else {
        return Err("the arguments of a sample are PORT CONTENDER TASK TIMES SIZE".into());
    };
    let contender = Contender::BOTH
        .into_iter()
        .find(|known| known.name() == contender);
    let task = Task::ALL.into_iter().find(|known| known.name() == task);
    let (contender, task) = contender.zip(task).ok_or("unknown contender or task")?;
    let (port, times) = (port.parse()?, times.parse::<u32>()?);
    let job = task.of_size(size.parse()?);
    sample::run_sample(async {
        let client = Client::new(contender, port)?;
        let run = async || {
            for _ in 0..times {
                client.run(&job).await?;
            }
            Ok::<_, Failure>(())
        };
        run().await?;
        let meter = Meter::start();
        run().await?;
        Ok(meter.stop())
    })
}
