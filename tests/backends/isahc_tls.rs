//! isahc, over HTTPS.

crate::arm!(crate::BackendUnderTest {
    name: "isahc_tls",
    tls: true,
    make: crate::makers::isahc,
    refuses_names: true,
    refuses_head: false,
});
