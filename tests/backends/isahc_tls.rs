//! isahc, over HTTPS.

crate::backend_tests!(crate::BackendUnderTest {
    name: "isahc_tls",
    tls: true,
    make: crate::clients::isahc,
    refuses_names: true,
    refuses_head: false,
});
