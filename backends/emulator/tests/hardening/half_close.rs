//! Clients that close their side of the connection once they have sent their requests.

use std::net::Shutdown;

use b2kit_emulator::Latch;

use super::*;

fn close_own_side(connection: &RawConnection) {
    let stream = connection.stream.get_ref();
    stream.shutdown(Shutdown::Write).unwrap();
    // the server has noticed by then
    pass(SOON);
}

/// Waits until a request is blocked.
fn wait_for(latch: &Latch) {
    while latch.waiting() == 0 {
        pass(Duration::from_millis(1));
    }
}

#[test]
fn a_client_that_has_closed_its_side_gets_the_response() {
    let client = RawClient::new();
    let server = Server::start(&client.emulator).unwrap();
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let url = client.upload_url(&bucket);
    let latch = Latch::new();
    let fault = Fault::new(FaultKind::Wait(latch.clone())).on("b2_upload_file");
    client.emulator.faults().add(fault);
    let mut connection = RawConnection::to(&server);
    connection.head("POST", path(&url.0), &upload_headers(&url, "3"));
    connection.write(b"abc");
    wait_for(&latch);
    close_own_side(&connection);
    latch.open();
    assert_eq!(connection.response().status, 200);
    assert!(connection.is_at_end());
    assert_eq!(client.emulator.snapshot().versions, 1);
}

#[test]
fn a_client_that_has_closed_its_side_gets_the_responses_to_several_requests() {
    let client = RawClient::new();
    let server = Server::start(&client.emulator).unwrap();
    let mut connection = RawConnection::to(&server);
    connection.write(&b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n".repeat(3));
    close_own_side(&connection);
    for _ in 0..3 {
        assert_eq!(connection.response().status, 404);
    }
    assert!(connection.is_at_end());
}

#[test]
fn a_client_that_has_closed_its_side_gets_a_long_response_as_slowly_as_it_reads() {
    let client = RawClient::new();
    let server = Server::builder()
        .stall_timeout(SOON * 5)
        .start(&client.emulator)
        .unwrap();
    let bucket = client.create_bucket("a-bucket", "allPublic");
    let content = vec![7; 40 << 20];
    client.upload(&bucket, "f", &content);
    let mut connection = RawConnection::to(&server);
    connection.head("GET", "/file/a-bucket/f", &[("Host", "x")]);
    close_own_side(&connection);
    let mut read = 0;
    let mut chunk = vec![0; 2 << 20];
    while let Ok(len @ 1..) = connection.stream.read(&mut chunk) {
        read += len;
        if read % (2 << 20) < len {
            pass(SOON / 2);
        }
    }
    assert!(read > content.len(), "{read}");
}

#[test]
fn a_client_that_has_closed_its_side_is_disconnected_if_its_response_stalls() {
    let client = RawClient::new();
    let server = hasty().start(&client.emulator).unwrap();
    let bucket = client.create_bucket("a-bucket", "allPublic");
    client.upload(&bucket, "f", b"content");
    let latch = Latch::new();
    let faults = client.emulator.faults();
    faults.add(Fault::new(FaultKind::Wait(latch.clone())).times(1));
    let mut connection = RawConnection::to(&server);
    connection.head("GET", "/file/a-bucket/f", &[("Host", "x")]);
    wait_for(&latch);
    close_own_side(&connection);
    assert!(connection.is_at_end());
    while latch.waiting() > 0 {
        pass(Duration::from_millis(1));
    }
    faults.add(Fault::new(FaultKind::StallResponse { after: 3 }).times(1));
    let mut connection = RawConnection::to(&server);
    connection.head("GET", "/file/a-bucket/f", &[("Host", "x")]);
    close_own_side(&connection);
    let mut response = Vec::new();
    connection.stream.read_to_end(&mut response).ok();
    assert!(response.ends_with(b"\r\n\r\ncon"));
    is_well(&server, &client);
}

#[test]
fn an_upload_that_ends_early_is_not_answered_and_stores_nothing() {
    let client = RawClient::new();
    let server = Server::start(&client.emulator).unwrap();
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let url = client.upload_url(&bucket);
    let mut connection = RawConnection::to(&server);
    connection.head("POST", path(&url.0), &upload_headers(&url, "100"));
    connection.write(b"half");
    close_own_side(&connection);
    assert!(connection.is_at_end());
    let snapshot = client.emulator.snapshot();
    assert_eq!((snapshot.versions, snapshot.stored_bytes), (0, 0));
}
