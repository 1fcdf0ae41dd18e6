//! isahc, over HTTP.

crate::arm!(crate::Arm {
    name: "isahc",
    tls: false,
    make: crate::makers::isahc,
    refuses_names: true,
    refuses_head: false,
});
