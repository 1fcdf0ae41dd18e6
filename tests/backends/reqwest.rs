//! reqwest, over HTTP.

crate::arm!(crate::BackendUnderTest {
    name: "reqwest",
    tls: false,
    make: crate::makers::reqwest,
    refuses_names: true,
    refuses_head: false,
});
