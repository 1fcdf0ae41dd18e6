//! surf, over HTTPS.

crate::backend_tests!(crate::BackendUnderTest {
    name: "surf_tls",
    tls: true,
    make: crate::clients::surf,
    refuses_names: true,
    refuses_head: true,
});
