//! [`Client`]: one of the two contenders.

use std::fmt;

use b2kit::Body;
use b2kit::api::{ApiVersion, DownloadFileById, ListFileNames, Session, UploadFile};
use b2kit::http::Method;
use b2kit::http::header::CONTENT_TYPE;
use b2kit::types::{FileName, Secret};
use futures::TryStreamExt as _;
use http_body_util::{BodyExt as _, Either};

use crate::Failure;
use crate::bare::{Bare, same};
use crate::file::File;
use crate::listing::{LIST, PageRequest, bucket_id};
use crate::page::Floor;

/// The contenders.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Contender {
    B2kit,
    Bare,
}

impl Contender {
    pub(crate) const BOTH: [Self; 2] = [Self::B2kit, Self::Bare];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::B2kit => "b2kit",
            Self::Bare => "bare",
        }
    }
}

/// The tasks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Task {
    Upload,
    Download,
    List,
}

impl Task {
    pub(crate) const ALL: [Self; 3] = [Self::Upload, Self::Download, Self::List];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Download => "download",
            Self::List => "list",
        }
    }

    /// The task as a job of this size: a file's bytes, or a listing's rows.
    pub(crate) fn of_size(self, size: u64) -> Job {
        match self {
            Self::Upload => Job::Upload(File::new(size)),
            Self::Download => Job::Download(File::new(size)),
            Self::List => Job::List(size),
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A task and its data.
pub(crate) enum Job {
    Upload(File),
    Download(File),
    /// The number of rows.
    List(u64),
}

/// A client, ready to work.
pub(crate) enum Client {
    B2kit(b2kit::Client),
    Bare(Bare),
}

impl Client {
    /// Must be called within the runtime that both contenders run on.
    pub(crate) fn new(contender: Contender, port: u16) -> Result<Self, Failure> {
        let origin = format!("http://127.0.0.1:{port}");
        Ok(match contender {
            Contender::Bare => Self::Bare(Bare::new(origin)),
            Contender::B2kit => {
                let token = Secret::new("t");
                let session = Session::new(ApiVersion::V4, "a", token, &*origin, &*origin);
                let client = b2kit::Client::builder()
                    .session(session)
                    .endpoint(origin)
                    .build()?;
                Self::B2kit(client)
            }
        })
    }

    /// Sends or receives the whole file and checks its SHA-1, or reads the whole listing and counts its rows.
    pub(crate) async fn run(&self, job: &Job) -> Result<(), Failure> {
        match (self, job) {
            (Self::B2kit(client), Job::Upload(file)) => upload(client, file).await,
            (Self::B2kit(client), Job::Download(file)) => download(client, file).await,
            (Self::B2kit(client), Job::List(rows)) => list(client, *rows).await,
            (Self::Bare(client), Job::Upload(file)) => {
                same(client.upload(file.len, file.read()).await?, file)
            }
            (Self::Bare(client), Job::Download(file)) => client.download(file).await,
            (Self::Bare(client), Job::List(rows)) => list_bare(client, *rows).await,
        }
    }
}

async fn upload(client: &b2kit::Client, file: &File) -> Result<(), Failure> {
    let source = *file;
    let body = Body::replay(file.len, move || Ok(source.read()));
    let stored = client
        .call(UploadFile::new("b", FileName::new("file")?, body))
        .await?;
    same(stored.content_sha1.sha1().copied(), file)
}

async fn download(client: &b2kit::Client, file: &File) -> Result<(), Failure> {
    let mut body = client.call(DownloadFileById::new(file.id())).await?.body;
    let expected = body.checked_against();
    while let Some(bytes) = body.next().await {
        std::hint::black_box(bytes?);
    }
    same(expected, file)
}

async fn list(client: &b2kit::Client, rows: u64) -> Result<(), Failure> {
    let mut files = client.paginate(ListFileNames::new(bucket_id(rows)));
    let mut there = 0;
    while let Some(file) = files.try_next().await? {
        std::hint::black_box(file);
        there += 1;
    }
    all(there, rows)
}

async fn list_bare(client: &Bare, rows: u64) -> Result<(), Failure> {
    let mut asked = PageRequest {
        bucket_id: bucket_id(rows),
        start_file_name: None,
        max_file_count: 1_000,
    };
    let mut there = 0;
    loop {
        let request = client
            .request(Method::POST, LIST)
            .header(CONTENT_TYPE, "application/json")
            .body(Either::Right(serde_json::to_vec(&asked)?.into()))?;
        let answer = client.send(request).await?;
        let page = answer.into_body().collect().await?.to_bytes();
        let page = Floor::read(&page)?;
        for row in page.files {
            std::hint::black_box(row);
            there += 1;
        }
        match page.next_file_name {
            Some(next) => asked.start_file_name = Some(next.to_owned()),
            None => return all(there, rows),
        }
    }
}

fn all(there: u64, rows: u64) -> Result<(), Failure> {
    if there == rows {
        Ok(())
    } else {
        Err(format!("there are {there} rows and should be {rows}").into())
    }
}
