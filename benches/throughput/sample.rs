//! [`Sample`]: what some work took, measured in a process of its own.
//!
//! Within one process for all, the medians of the two arms differed by up to 15 %, now one way and now the other, for as
//! long as the process lived: probably by where its memory lay. With a process for each sample that is evened out, too.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::runtime;

use crate::Failure;
use crate::arm::{Arm, Client, Job, Task};
use crate::meter::{self, Meter};
use crate::process::Server;

/// The argument that makes this program a sample. After it come the server's port, arm, task, times and size.
pub(crate) const ARGUMENT: &str = "--sample";

/// So many files of a size, one after the other, or so many listings of a length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) task: Task,
    pub(crate) times: u32,
    /// A file's bytes, or a listing's rows.
    pub(crate) size: u64,
}

impl Load {
    /// As small as shows whether it works.
    pub(crate) fn shrunk(self) -> Self {
        Self {
            times: self.times.min(2),
            size: match self.task {
                Task::Upload | Task::Send | Task::Download | Task::Fetch => self.size.min(1 << 20),
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

/// What a load took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) wall: Duration,
    /// Of all threads, in user space and in the kernel; `None` where the system doesn't tell.
    pub(crate) cpu: Option<Duration>,
    /// The most memory that was resident at any time, in bytes; `None` where the system doesn't tell.
    pub(crate) peak: Option<u64>,
}

impl Sample {
    /// Starts a process that carries the load once to warm up and once more.
    pub(crate) fn take(server: &Server, arm: Arm, load: Load) -> Result<Self, Failure> {
        let numbers = [u64::from(server.port()), u64::from(load.times), load.size];
        let [port, times, size] = numbers.map(|number| number.to_string());
        let output = Command::new(std::env::current_exe()?)
            .args([ARGUMENT, &port, arm.name(), load.task.name(), &times, &size])
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("{load} through {}: {}", arm.name(), output.status).into());
        }
        let text = String::from_utf8(output.stdout)?;
        let mut numbers = text.split_whitespace().map(|word| word.parse().ok());
        let mut next = || numbers.next().ok_or("the sample says too little");
        Ok(Self {
            wall: Duration::from_nanos(next()?.ok_or("the sample has no time")?),
            cpu: next()?.map(Duration::from_nanos),
            peak: next()?,
        })
    }
}

/// Is the process that a sample is taken in.
pub(crate) fn be_taken(what: &[&str]) -> Result<(), Failure> {
    let &[port, arm, task, times, size] = what else {
        return Err(format!("{ARGUMENT} PORT ARM TASK TIMES SIZE").into());
    };
    let arm = Arm::BOTH.into_iter().find(|known| known.name() == arm);
    let task = Task::ALL.into_iter().find(|known| known.name() == task);
    let (arm, task) = arm.zip(task).ok_or("what is to be done?")?;
    let (port, times) = (port.parse()?, times.parse::<u32>()?);
    let job = task.of_size(size.parse()?);

    settle_the_allocator();
    if let Job::Send(file) = &job {
        file.put_on_disk()?;
    }
    // A thread for everything: the time it takes and the CPU time it takes are then nearly one, and with the server's
    // process there is no more to run than two cores can.
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (wall, cpu) = runtime.block_on(async {
        let client = Client::new(arm, port)?;
        let carry = async || {
            for _ in 0..times {
                client.carry_out(&job).await?;
            }
            Ok::<_, Failure>(())
        };
        carry().await?;
        let meter = Meter::start();
        carry().await?;
        Ok::<_, Failure>(meter.stop())
    })?;
    let word = |number: Option<u128>| number.map_or_else(|| "?".to_owned(), |n| n.to_string());
    println!(
        "{} {} {}",
        wall.as_nanos(),
        word(cpu.map(|cpu| cpu.as_nanos())),
        word(meter::peak_resident_memory().map(u128::from))
    );
    Ok(())
}

/// glibc gives the end of the heap back to the system whenever 128 KiB are free there, until the program has freed one
/// larger piece of memory. Chunks of that size meet the limit or miss it by chance, which would make more of a difference
/// than all that is measured here.
fn settle_the_allocator() {
    drop(std::hint::black_box(vec![0_u8; 4 << 20]));
}
