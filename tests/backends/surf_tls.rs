//! surf, over HTTPS.

crate::arm!(crate::BackendUnderTest {
    name: "surf_tls",
    tls: true,
    make: crate::makers::surf,
    refuses_names: true,
    refuses_head: true,
});
