//! The client's cost of a call: percent-encoding of names, decoding a page of a listing, and one call without I/O.
//!
//! The baseline of a page is `serde_json` with a struct of borrowed fields that a backup program would use. The
//! baseline of a call is the same request made by hand over the same backend. See `benches/README.md`.

#[path = "throughput/page.rs"]
mod page;

use b2kit::api::{ApiVersion, Call, FileNames, GetUploadUrl, ListFileNames, Reply, Session};
use b2kit::http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT,
};
use b2kit::types::{Secret, percent_decode, percent_encode};
use b2kit::{Body, Bytes, Client, HttpClient, HttpError, Request, Response, ResponseBody, http};
use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher, black_box};
use futures::executor::block_on;

use self::page::Floor;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// The rows of a page: those of one billed transaction, and the maximum.
const ROWS: [u32; 2] = [1_000, 10_000];

fn main() {
    // Until a program has freed a large allocation, glibc returns the end of the heap to the system whenever 128 KiB
    // are free there. That would take half of the time of a page of 10,000 rows.
    drop(black_box(vec![0_u8; 30 << 20]));
    divan::main();
}

/// Kinds of names, by the work of the encoder.
const NAMES: [&str; 4] = ["plain", "spaces", "non-ASCII", "1,024 bytes"];

fn name(kind: &str) -> String {
    match kind {
        // Nothing to escape: borrowed, not copied.
        "plain" => "backups/2026-11-22/home/documents/letters/landlord.odt".to_owned(),
        "spaces" => "My Documents/Letters to the landlord/Re Re Heating (final).odt".to_owned(),
        // Every byte of these characters becomes three.
        "non-ASCII" => "写真/二〇二六年/夏休み/海辺の猫と友達.jpg".to_owned(),
        // The longest name that B2 accepts; more than a quarter of it has to be escaped.
        _ => "photos of ü/2026 + more/".repeat(42)[..1_024].to_owned(),
    }
}

#[divan::bench(args = NAMES)]
fn percent_encode_a_name(bencher: Bencher<'_, '_>, kind: &str) {
    let name = name(kind);
    bencher
        .counter(BytesCount::of_str(&name))
        .bench(|| percent_encode(black_box(&name)));
}

#[divan::bench(args = NAMES)]
fn percent_decode_a_name(bencher: Bencher<'_, '_>, kind: &str) {
    let name = percent_encode(&name(kind)).into_owned();
    bencher
        .counter(BytesCount::of_str(&name))
        .bench(|| percent_decode(black_box(&name)).expect("it was encoded just now"));
}

/// A page that isn't the last.
fn page(rows: u32) -> String {
    page::beginning(rows) + &page::end(Some(rows.into()))
}

/// Decoding by the call: every field, validated and owned.
#[divan::bench(args = ROWS)]
fn page_of_a_listing(bencher: Bencher<'_, '_>, rows: u32) {
    let page = Bytes::from(page(rows));
    let call = ListFileNames::new("b2f6f21365e1d29f6c580f18");
    let files = |page: &Bytes| -> FileNames {
        let (head, ()) = http::Response::new(()).into_parts();
        let reply = Reply::whole(head, page.clone());
        call.read(reply).expect("the page is as B2 sends them")
    };
    assert_eq!(files(&page).files.len(), rows as usize);
    bencher
        .counter(BytesCount::new(page.len()))
        .counter(ItemsCount::new(rows))
        .bench(|| files(black_box(&page)));
}

/// The baseline: four fields of each row, borrowed and not validated.
#[divan::bench(args = ROWS)]
fn page_of_a_listing_floor(bencher: Bencher<'_, '_>, rows: u32) {
    let page = page(rows);
    let files = |page| Floor::read(page).expect("the page is as B2 sends them");
    let floor = files(page.as_bytes());
    assert!(floor.files.len() == rows as usize && floor.next_file_name.is_some());
    bencher
        .counter(BytesCount::new(page.len()))
        .counter(ItemsCount::new(rows))
        .bench(|| files(black_box(page.as_bytes())));
}

/// A backend that responds at once, on the same thread.
async fn answer(request: Request) -> Result<Response, HttpError> {
    drop(black_box(request));
    Ok(Response::new(ResponseBody::from(UPLOAD_URL)))
}

const UPLOAD_URL: &str = concat!(
    "{\n  \"authorizationToken\": ",
    r#""4_0022623512fc8f80000000001_0186e431_d18d02_upld_tH7VW03boebOXayIc43-sxptpfA=","#,
    "\n  \"bucketId\": \"b2f6f21365e1d29f6c580f18\",\n  \"uploadUrl\": ",
    r#""https://pod-000-1005-03.backblaze.com/b2api/v4/b2_upload_file"#,
    r#"?cvt=c001_v0001005_t0027&bucket=4a48""#,
    "\n}\n"
);

const API_URL: &str = "https://api001.backblazeb2.com";

/// One call: built, sent with deadlines, classified, decoded.
#[divan::bench]
fn one_call(bencher: Bencher<'_, '_>) {
    let token = Secret::new("4_0022623512fc8f80000000001_0186e431_d18d02_acct");
    let session = Session::new(ApiVersion::V4, "a1b2c3d4e5f6", token, API_URL, API_URL);
    let client = Client::builder()
        .session(session)
        .backend(answer)
        .build()
        .expect("there is a session and a backend");
    bencher.bench(|| {
        let call = GetUploadUrl::new(black_box("b2f6f21365e1d29f6c580f18"));
        block_on(client.call(call)).expect("the answer is as B2 gives it")
    });
}

/// The baseline: the same request made by hand over the same backend, with the response not decoded.
#[divan::bench]
fn one_call_floor(bencher: Bencher<'_, '_>) {
    bencher.bench(|| {
        let document = format!(
            r#"{{"bucketId":"{}"}}"#,
            black_box("b2f6f21365e1d29f6c580f18")
        );
        let request = http::Request::post(format!("{API_URL}/b2api/v4/b2_get_upload_url"))
            .header(
                AUTHORIZATION,
                "4_0022623512fc8f80000000001_0186e431_d18d02_acct",
            )
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_LENGTH, document.len())
            .header(USER_AGENT, "by hand")
            .header(ACCEPT_ENCODING, "identity")
            .body(Body::from(document))
            .expect("its parts are as they should be");
        let response = block_on(answer.send(request)).expect("this backend has no failures");
        block_on(response.into_body().collect(1 << 10)).expect("it has fewer bytes")
    });
}
