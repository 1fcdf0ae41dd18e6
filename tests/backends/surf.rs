//! surf, over HTTP.

crate::arm!(crate::BackendUnderTest {
    name: "surf",
    tls: false,
    make: crate::makers::surf,
    refuses_names: true,
    refuses_head: true,
});
