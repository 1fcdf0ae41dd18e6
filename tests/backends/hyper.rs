//! hyper, over HTTP.

crate::backend_tests!(crate::BackendUnderTest {
    name: "hyper",
    tls: false,
    make: crate::clients::hyper,
    refuses_names: false,
    refuses_head: false,
});
