//! The shop whose stock P1, P2 and P5 add up.

use std::collections::HashMap;

/// Something to sell.
pub(crate) struct Product {
    pub(crate) name: &'static str,
    pub(crate) price: f64,
}

/// Products by category. A `HashMap` is walked in another order each time, like a map in Go.
pub(crate) fn products() -> HashMap<&'static str, Vec<Product>> {
    let of = |name, price| Product { name, price };
    HashMap::from([
        (
            "Watersports",
            vec![of("Kayak", 279.0), of("Lifejacket", 49.95)],
        ),
        (
            "Soccer",
            vec![
                of("Soccer Ball", 19.50),
                of("Corner Flags", 34.95),
                of("Stadium", 79_500.0),
            ],
        ),
        (
            "Chess",
            vec![
                of("Thinking Cap", 16.0),
                of("Unsteady Chair", 75.0),
                of("Bling-Bling King", 1200.0),
            ],
        ),
    ])
}

/// Dollars and cents.
pub(crate) fn currency(amount: f64) -> String {
    format!("${amount:.2}")
}
