//! hyper, over HTTP.

crate::arm!(crate::BackendUnderTest {
    name: "hyper",
    tls: false,
    make: crate::makers::hyper,
    refuses_names: false,
    refuses_head: false,
});
