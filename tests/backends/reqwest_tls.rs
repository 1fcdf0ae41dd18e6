//! reqwest, over HTTPS.

crate::arm!(crate::Arm {
    name: "reqwest_tls",
    tls: true,
    make: crate::makers::reqwest,
    refuses_names: true,
    refuses_head: false,
});
