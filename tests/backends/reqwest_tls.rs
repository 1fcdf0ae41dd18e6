//! reqwest, over HTTPS.

crate::backend_tests!(crate::BackendUnderTest {
    name: "reqwest_tls",
    tls: true,
    make: crate::clients::reqwest,
    refuses_names: true,
    refuses_head: false,
});
