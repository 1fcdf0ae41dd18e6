//! hyper, over HTTPS.

crate::arm!(crate::BackendUnderTest {
    name: "hyper_tls",
    tls: true,
    make: crate::makers::hyper,
    refuses_names: false,
    refuses_head: false,
});
