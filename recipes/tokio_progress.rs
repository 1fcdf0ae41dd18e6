//! Uploads several files on tokio's threads, each with a progress bar.
//!
//! ```text
//! cargo run -p b2kit-recipes --example tokio_progress
//! ```
//!
//! The library never spawns tasks, so a transfer makes progress only while it is polled:
//! `tokio::spawn` takes care of that.

mod in_memory;

use b2kit::transfer::{Progress, ProgressNow};
use futures::{Stream, StreamExt as _};
use indicatif::{MultiProgress, ProgressBar};

use in_memory::Failure;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let (_server, bucket) = in_memory::bucket().await?;
    let bars = MultiProgress::new();
    let mut uploads = Vec::new();
    for day in ["monday", "tuesday", "wednesday"] {
        let progress = Progress::new();
        let bar = bars.add(ProgressBar::no_length().with_message(day));
        tokio::spawn(show(bar, progress.changes()));

        let video = vec![7; 3_000_000];
        let upload = bucket.upload(day, video).progress(&progress);
        // An upload is not a future itself: `.await` turns it into one, and so does `into_future`.
        uploads.push(tokio::spawn(upload.into_future()));
    }
    for upload in uploads {
        let uploaded = upload.await??;
        println!(
            "{}: {} bytes",
            uploaded.file.file_name, uploaded.file.content_length
        );
        assert_eq!(uploaded.file.content_length, 3_000_000);
    }
    Ok(())
}

/// Updates a progress bar until the transfer has ended, even if it failed.
async fn show(bar: ProgressBar, mut changes: impl Stream<Item = ProgressNow> + Unpin) {
    while let Some(now) = changes.next().await {
        if let Some(total) = now.total_bytes {
            bar.set_length(total);
        }
        bar.set_position(now.bytes);
    }
    bar.finish_and_clear();
}
