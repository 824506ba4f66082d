//! The service of Proffer: from an HTTP request to the next best item or offer.

pub mod index;
