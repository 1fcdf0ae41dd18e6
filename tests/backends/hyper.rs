//! hyper, over HTTP.

crate::arm!(crate::Arm {
    name: "hyper",
    tls: false,
    make: crate::makers::hyper,
    refuses_names: false,
    refuses_head: false,
});
