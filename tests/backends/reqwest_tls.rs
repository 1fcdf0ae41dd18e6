//! reqwest, over HTTPS.

crate::arm!(crate::BackendUnderTest {
    name: "reqwest_tls",
    tls: true,
    make: crate::makers::reqwest,
    refuses_names: true,
    refuses_head: false,
});
