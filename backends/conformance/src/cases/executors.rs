//! Cases about the async executors on which the backend works.

use crate::case::{Client, Subject, cases};
use crate::client::{get, in_chunks, pattern, post, read, start_send};
use crate::server::{Peer, RawServer};

cases![
    it_works_with_block_on,
    it_works_with_smol,
    it_works_with_multi_threaded_tokio,
    it_works_with_single_threaded_tokio,
    it_works_in_a_spawned_tokio_task,
    it_works_if_it_is_made_inside_tokio,
    one_client_works_with_several_executors_in_turn,
    a_body_outlives_its_client,
    a_client_can_be_dropped_in_async_code,
];

/// Sends each body back.
fn echo(mut peer: Peer) {
    while let Some(head) = peer.next_head() {
        let len = head.values("content-length")[0].parse().unwrap();
        let body = peer.body(len);
        peer.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {len}\r\n\r\n"));
        peer.send(body);
    }
}

/// Exchanges bodies both ways, sequentially and concurrently.
async fn works(client: Client) {
    let server = RawServer::scripted(echo);
    let exchange = async || {
        let request = post(server.uri("/"), in_chunks(pattern(1 << 20), 10_000));
        let response = client.send(request).await.unwrap();
        let body = response.into_body().collect(1 << 20).await.unwrap();
        assert!(body == pattern(1 << 20));
    };
    exchange().await;
    futures::join!(exchange(), exchange(), exchange());
}

fn many_threads() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn one_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn it_works_with_block_on(s: &Subject<'_>) {
    futures::executor::block_on(works(s.client()));
}

fn it_works_with_smol(s: &Subject<'_>) {
    smol::block_on(works(s.client()));
}

fn it_works_with_multi_threaded_tokio(s: &Subject<'_>) {
    many_threads().block_on(works(s.client()));
}

fn it_works_with_single_threaded_tokio(s: &Subject<'_>) {
    one_thread().block_on(works(s.client()));
}

fn it_works_in_a_spawned_tokio_task(s: &Subject<'_>) {
    let tokio = many_threads();
    tokio.block_on(tokio.spawn(works(s.client()))).unwrap();
}

fn it_works_if_it_is_made_inside_tokio(s: &Subject<'_>) {
    one_thread().block_on(async { works(s.client()).await });
}

fn one_client_works_with_several_executors_in_turn(s: &Subject<'_>) {
    let client = s.client();
    futures::executor::block_on(works(client.clone()));
    one_thread().block_on(works(client.clone()));
    many_threads().block_on(works(client.clone()));
    smol::block_on(works(client));
}

fn a_body_outlives_its_client(s: &Subject<'_>) {
    let server = RawServer::start();
    let client = s.client();
    let sending = start_send(&client, get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello");
    let response = sending.response();
    drop(client);
    peer.send("world");
    assert_eq!(read(response).unwrap(), "helloworld");
}

fn a_client_can_be_dropped_in_async_code(s: &Subject<'_>) {
    for tokio in [many_threads(), one_thread()] {
        tokio.block_on(async {
            let client = s.client();
            works(client.clone()).await;
            drop(client);
        });
    }
}
