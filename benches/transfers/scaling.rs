//! How time and memory grow with the size and the number of files: a table, and a plot.

use std::fs;

use crate::Failure;
use crate::alternate::{alternate, median, spread};
use crate::contender::Contender;
use crate::disk::Disk;
use crate::load::{Load, Task};
use crate::plot::{Line, Panel, svg};
use crate::process::Server;
use crate::sample::Sample;

const MIB: u64 = 1 << 20;

/// Where the plot is written, next to the README that shows it.
const PLOT: &str = "scaling.svg";

/// Tasks that differ only in the size or the number of files.
struct Series {
    name: &'static str,
    loads: Vec<Load>,
}

/// The samples of one load.
struct Measured {
    /// MiB, or the number of files.
    x: f64,
    pairs: Vec<(Sample, Sample)>,
}

/// Measures b2kit beside bare hyper, and writes the plot.
pub(crate) fn measure(disk: Disk<'_>, rounds: usize, is_benchmark: bool) -> Result<(), Failure> {
    println!("\n| | b2kit | bare hyper | ÷ bare: min, median, max | peak memory, b2kit | bare |");
    println!("|---|---|---|---|---|---|");
    let server = Server::start(&["0", "0", "0"])?;
    let sizes = measure_all(&server, disk, rounds, is_benchmark, by_size())?;
    let numbers = measure_all(&server, disk, rounds, is_benchmark, by_number())?;
    let mut panels = Vec::new();
    for (measured, label, files) in [
        (sizes, "MiB", "one file"),
        (numbers, "files", "files of 1 KiB, ten at once"),
    ] {
        panels.push(panel(
            &format!("Time ÷ bare hyper, {files}"),
            label,
            &measured,
            time_ratio,
        ));
        panels.push(panel(
            &format!("Peak memory in MiB, {files}"),
            label,
            &measured,
            peak_mib,
        ));
    }
    if is_benchmark {
        fs::write(PLOT, svg(&panels))?;
        println!("\nThe plot is {PLOT}.");
    } else {
        assert!(svg(&panels).ends_with("</svg>\n"));
    }
    Ok(())
}

/// Measures uploads and downloads that are in flight at the same time, with a server that responds
/// slowly.
pub(crate) fn measure_in_flight(disk: Disk<'_>, is_benchmark: bool) -> Result<(), Failure> {
    println!("\n| in flight | time | CPU | peak memory |");
    println!("|---|---|---|---|");
    let server = Server::start(&[if is_benchmark { "3000" } else { "1" }, "0", "0"])?;
    for task in [Task::Up, Task::Down] {
        let files = if is_benchmark { 10_000 } else { 20 };
        let load = Load {
            task,
            files,
            size: 1 << 10,
            at_once: usize::try_from(files)?,
            latency: 0,
        };
        let sample = Contender::B2kit.take(&server, disk, load)?;
        println!(
            "| {load} | {:.1} s | {} | {} |",
            sample.wall.as_secs_f64(),
            sample
                .cpu
                .map_or_else(String::new, |cpu| format!("{:.1} s", cpu.as_secs_f64())),
            shown(peak_mib(&(sample, sample))),
        );
    }
    Ok(())
}

fn by_size() -> [Series; 2] {
    [Task::SendOnce, Task::Fetch].map(|task| Series {
        name: if task == Task::Fetch {
            "download"
        } else {
            "upload"
        },
        loads: [16, 64, 256, 1024, 4096]
            .map(|mib| Load::large(task, mib * MIB))
            .into(),
    })
}

fn by_number() -> [Series; 2] {
    [Task::Up, Task::Down].map(|task| Series {
        name: if task == Task::Down {
            "download"
        } else {
            "upload"
        },
        loads: [1_000, 10_000, 100_000]
            .map(|files| Load {
                task,
                files,
                size: 1 << 10,
                at_once: 10,
                latency: 0,
            })
            .into(),
    })
}

fn measure_all(
    server: &Server,
    disk: Disk<'_>,
    rounds: usize,
    is_benchmark: bool,
    all: [Series; 2],
) -> Result<Vec<(&'static str, Vec<Measured>)>, Failure> {
    let mut measured = Vec::new();
    for Series { name, loads } in all {
        let mut points = Vec::new();
        for load in loads {
            let x = if load.task.is_large() {
                load.size as f64 / MIB as f64
            } else {
                load.files as f64
            };
            let load = if is_benchmark { load } else { load.minimized() };
            if load.task.is_up() {
                disk.put(load.size)?;
            }
            let pairs = alternate(
                rounds,
                || Contender::B2kit.take(server, disk, load),
                || Contender::Bare.take(server, disk, load),
            )?;
            let point = Measured { x, pairs };
            point.print(load);
            points.push(point);
        }
        measured.push((name, points));
    }
    Ok(measured)
}

impl Measured {
    fn median(&self, of: fn(&(Sample, Sample)) -> Option<f64>) -> Option<f64> {
        let values: Option<Vec<f64>> = self.pairs.iter().map(of).collect();
        values.map(median)
    }

    fn print(&self, load: Load) {
        let seconds = |sample: &Sample| sample.wall.as_secs_f64();
        let own = median(self.pairs.iter().map(|pair| seconds(&pair.0)).collect());
        let bare = median(self.pairs.iter().map(|pair| seconds(&pair.1)).collect());
        let ratios = self.pairs.iter().filter_map(time_ratio).collect();
        println!(
            "| {load} | {own:.3} s | {bare:.3} s | {} | {} | {} |",
            spread(ratios),
            shown(self.median(peak_mib)),
            shown(self.median(|pair| mib(pair.1.peak))),
        );
    }
}

fn time_ratio(pair: &(Sample, Sample)) -> Option<f64> {
    Some(pair.0.wall.as_secs_f64() / pair.1.wall.as_secs_f64())
}

fn peak_mib(pair: &(Sample, Sample)) -> Option<f64> {
    mib(pair.0.peak)
}

fn mib(bytes: Option<u64>) -> Option<f64> {
    bytes.map(|bytes| bytes as f64 / MIB as f64)
}

fn shown(mib: Option<f64>) -> String {
    mib.map_or_else(String::new, |mib| format!("{mib:.1} MiB"))
}

fn panel(
    title: &str,
    x_label: &str,
    series: &[(&'static str, Vec<Measured>)],
    of: fn(&(Sample, Sample)) -> Option<f64>,
) -> Panel {
    let line = |(name, points): &(&'static str, Vec<Measured>)| Line {
        name: (*name).to_owned(),
        points: points
            .iter()
            .filter_map(|point| Some((point.x, point.median(of)?)))
            .collect(),
    };
    Panel {
        title: title.to_owned(),
        x_label: x_label.to_owned(),
        lines: series.iter().map(line).collect(),
    }
}
