//! reqwest, over HTTP.

crate::backend_tests!(crate::BackendUnderTest {
    name: "reqwest",
    tls: false,
    make: crate::clients::reqwest,
    refuses_names: true,
    refuses_head: false,
});
