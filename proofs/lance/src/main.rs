//! Lance on B2: concurrent appenders, whose commits go through put-if-absent, and a reader of all
//! versions; vectors that are uploaded in parts, searched, and read by an index. All with the same
//! results as on the local disk.

#[path = "../../shared/calls.rs"]
mod calls;
mod location;
mod manifests;
mod provider;
mod sales;
mod vectors;

use std::collections::HashMap;
use std::error::Error;
use std::time::Instant;

use b2kit::backend::emulator::{Emulator, Fault, FaultKind, Server};

use self::calls::Calls;
use self::location::Location;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let emulator = Emulator::new();
    emulator.create_bucket("lakehouse", false)?;
    emulator.create_bucket("coordination", false)?;
    let server = Server::start(&emulator)?;
    let options = [
        ("b2_application_key_id", emulator.key_id()),
        ("b2_application_key", emulator.key()),
        ("b2_endpoint", server.url()),
        ("b2_coordinate_creates", "coordination"),
    ];
    let options = options.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let on_b2 = Location {
        root: "b2://lakehouse/datasets".into(),
        options: options.into(),
    };
    let disk = std::env::temp_dir().join(format!("b2kit-lance-{}", std::process::id()));
    let on_disk = Location {
        root: disk.display().to_string(),
        options: HashMap::new(),
    };
    // One call in forty is refused, and the response to another one is lost: those of commits, too. The response of one
    // download in twenty is cut off.
    let refused = Fault::new(FaultKind::service_unavailable()).seed(1);
    let lost = Fault::new(FaultKind::LoseResponse).seed(2);
    let cut_off = Fault::new(FaultKind::ResetResponse { after: 100 }).seed(3);
    let faults = [
        refused.probability(0.025),
        lost.probability(0.025),
        cut_off.probability(0.05).on("b2_download_file_by_name"),
    ];
    let faults = faults.map(|fault| emulator.faults().add(fault));

    println!(
        "{:<34} {:>7} {:>7} {}",
        "",
        "B2, s",
        "disk, s",
        Calls::HEADER
    );
    let both = Both {
        emulator: &emulator,
        on_b2: &on_b2,
        on_disk: &on_disk,
    };
    let (appenders, commits) = (sales::APPENDERS, sales::COMMITS);
    let what = format!("{appenders} appenders, {commits} commits each");
    both.time(&what, sales::append_all).await?;
    both.time("delete, update, compact, restore", sales::change)
        .await?;
    let [of_b2, of_disk] = both.time("read all versions", sales::read).await?;
    sales::check(&of_b2, &of_disk);
    let versions = of_b2.len();

    let what = format!("write and index {} vectors", vectors::ROWS);
    let [of_vectors, _] = both.time(&what, vectors::write).await?;
    let parts = emulator.snapshot().calls_of("b2_upload_part");
    assert!(parts >= 2, "no file was uploaded in parts");
    let [of_b2, of_disk] = both.time("search, filter, take", vectors::query).await?;
    vectors::check(&of_b2, &of_disk);

    let failed = faults.map(|fault| emulator.faults().hits(fault));
    assert!(failed.iter().all(|hits| *hits > 0), "{failed:?}");
    for fault in faults {
        emulator.faults().remove(fault);
    }
    let manifests = manifests::count(&on_b2).await?;
    assert_eq!(manifests, versions + of_vectors);
    let [refused, lost, cut_off] = failed;
    println!("each of {manifests} versions was committed once, and all results are equal;");
    println!("{refused} calls were refused, {lost} responses lost, {cut_off} downloads cut off");
    std::fs::remove_dir_all(&disk)?;
    Ok(())
}

/// The two places in which everything is done.
struct Both<'a> {
    emulator: &'a Emulator,
    on_b2: &'a Location,
    on_disk: &'a Location,
}

impl<'a> Both<'a> {
    /// Does this in both places, and prints the seconds and the calls. Returns the results on B2 and on the disk.
    async fn time<T>(
        &self,
        what: &str,
        task: impl AsyncFn(&'a Location) -> Outcome<T>,
    ) -> Outcome<[T; 2]> {
        let (before, began) = (Calls::to(self.emulator), Instant::now());
        let of_b2 = task(self.on_b2).await?;
        let (calls, b2_s) = (Calls::to(self.emulator).since(before), seconds(began));
        let began = Instant::now();
        let of_disk = task(self.on_disk).await?;
        let disk_s = seconds(began);
        println!("{what:<34} {b2_s:>7.2} {disk_s:>7.2} {calls}");
        Ok([of_b2, of_disk])
    }
}

fn seconds(began: Instant) -> f64 {
    began.elapsed().as_secs_f64()
}
