//! surf, over HTTP.

crate::backend_tests!(crate::BackendUnderTest {
    name: "surf",
    tls: false,
    make: crate::clients::surf,
    refuses_names: true,
    refuses_head: true,
});
