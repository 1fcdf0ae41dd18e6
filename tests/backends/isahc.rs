//! isahc, over HTTP.

crate::backend_tests!(crate::BackendUnderTest {
    name: "isahc",
    tls: false,
    make: crate::clients::isahc,
    refuses_names: true,
    refuses_head: false,
});
