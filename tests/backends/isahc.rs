//! isahc, over HTTP.

crate::arm!(crate::BackendUnderTest {
    name: "isahc",
    tls: false,
    make: crate::makers::isahc,
    refuses_names: true,
    refuses_head: false,
});
