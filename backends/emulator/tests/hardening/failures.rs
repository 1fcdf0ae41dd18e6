//! Panics, resets and host names.

use super::*;

#[test]
fn a_panic_is_a_500_of_one_request_and_affects_no_other() {
    let countdown = Arc::new(AtomicU64::new(0));
    let clock = Broken(ManualClock::default(), Arc::clone(&countdown));
    let emulator = Emulator::builder().clock(clock).build();
    let client = RawClient::with(emulator, ManualClock::default());
    let server = Server::start(&client.emulator).unwrap();
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let auth = [("Authorization", client.token.as_str())];
    let target = "/b2api/v4/b2_list_buckets";
    let body = json!({"accountId": client.emulator.account_id()}).to_string();
    let mut connection = RawConnection::to(&server);
    countdown.store(1, Ordering::SeqCst);
    let response = connection.send("POST", target, &auth, body.as_bytes());
    assert_eq!(response.status, 500);
    assert_eq!(response.json()["code"], "internal_error");
    assert!(
        !String::from_utf8_lossy(&response.body).contains("clock"),
        "what broke is for the log"
    );
    is_well(&server, &client);
    // in the middle of an upload too: the bytes are not kept
    for at in 1..4 {
        let url = client.upload_url(&bucket);
        countdown.store(at, Ordering::SeqCst);
        let mut headers = upload_headers(&url, "");
        headers.remove(0);
        headers.pop();
        let response = RawConnection::to(&server).send("POST", path(&url.0), &headers, b"abc");
        countdown.store(0, Ordering::SeqCst);
        if response.status == 500 && client.emulator.snapshot().versions == 0 {
            assert_eq!(client.emulator.snapshot().stored_bytes, 0);
        }
    }
    is_well(&server, &client);
}

#[test]
fn over_a_socket_a_reset_differs_from_a_close() {
    let client = RawClient::new();
    let server = Server::start(&client.emulator).unwrap();
    let bucket = client.create_bucket("a-bucket", "allPublic");
    client.upload(&bucket, "f", &vec![7; 1 << 20]);
    let ends = |fault_kind: FaultKind| {
        let faults = client.emulator.faults();
        let fault = faults.add(Fault::new(fault_kind).times(1));
        let mut connection = RawConnection::to(&server);
        connection.head("GET", "/file/a-bucket/f", &[("Host", "x")]);
        let mut read = Vec::new();
        let end = connection.stream.read_to_end(&mut read);
        faults.remove(fault);
        end.map(|_| read.len() > 1000).map_err(|error| error.kind())
    };
    let reset = b2kit_core::Phase::MaybeReceived;
    assert_eq!(
        ends(FaultKind::LoseRequest(reset)),
        Err(ErrorKind::ConnectionReset)
    );
    assert_eq!(
        ends(FaultKind::ResetResponse { after: 500_000 }),
        Err(ErrorKind::ConnectionReset)
    );
    assert_eq!(ends(FaultKind::LoseResponse), Ok(false));
    assert_eq!(ends(FaultKind::CutResponse { after: 500_000 }), Ok(true));
    // an upload, in its middle
    for (fault_kind, kind) in [
        (
            FaultKind::ResetUpload { after: 3 },
            Some(ErrorKind::ConnectionReset),
        ),
        (FaultKind::CutUpload { after: 3 }, None),
    ] {
        client
            .emulator
            .faults()
            .add(Fault::new(fault_kind).on("b2_upload_file").times(1));
        let url = client.upload_url(&bucket);
        let mut connection = RawConnection::to(&server);
        connection.head("POST", path(&url.0), &upload_headers(&url, "10"));
        connection.write(b"abc");
        let end = connection.stream.read(&mut [0]);
        assert_eq!(end.err().map(|error| error.kind()), kind);
    }
    assert_eq!(client.emulator.snapshot().versions, 1);
}

#[test]
fn with_only_hosts_other_host_names_get_421() {
    let client = RawClient::new();
    let server = Server::builder()
        .only_hosts(["b2.test"])
        .start(&client.emulator)
        .unwrap();
    let asked = |host: &str| {
        let mut connection = RawConnection::to(&server);
        connection.head("GET", "/b2api/v4/b2_list_buckets", &[("Host", host)]);
        connection.response()
    };
    for host in ["localhost", "127.0.0.1:80", "[::1]", "B2.test:443"] {
        assert_eq!(asked(host).status, 401, "{host}");
    }
    for host in ["evil.example", "b2.test.evil.example"] {
        let response = asked(host);
        assert_eq!(response.status, 421, "{host}");
        assert_eq!(response.json()["code"], "misdirected_request");
    }
    assert!(client.emulator.snapshot().calls_of("b2_list_buckets") > 0);
}

#[test]
fn responses_contain_the_configured_url_or_the_requested_host() {
    let emulator = Emulator::new();
    let told = Server::builder()
        .url("https://b2.test")
        .start(&emulator)
        .unwrap();
    assert_eq!(told.url(), "https://b2.test");
    let everywhere = Server::builder()
        .bind([0, 0, 0, 0].into())
        .start(&emulator)
        .unwrap();
    let basic = {
        use base64::Engine as _;
        let pair = format!("{}:{}", emulator.key_id(), emulator.key());
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(pair)
        )
    };
    for (port, host, expected) in [
        (told.address().port(), "localhost", "https://b2.test"),
        (
            everywhere.address().port(),
            "b2.test:99",
            "http://b2.test:99",
        ),
    ] {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let mut connection = RawConnection {
            stream: std::io::BufReader::new(stream),
            is_head: false,
        };
        connection.head(
            "GET",
            "/b2api/v2/b2_authorize_account",
            &[("Host", host), ("Authorization", &basic)],
        );
        assert_eq!(connection.response().json()["apiUrl"], expected);
    }
}
