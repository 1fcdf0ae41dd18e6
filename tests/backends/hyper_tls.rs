//! hyper, over HTTPS.

crate::backend_tests!(crate::BackendUnderTest {
    name: "hyper_tls",
    tls: true,
    make: crate::clients::hyper,
    refuses_names: false,
    refuses_head: false,
});
