//! Pentimento: a painting program that runs Stable Diffusion inside its own process.
//!
//! One package, a library and a thin binary. Data walks one way, and each room knows only the
//! rooms below it:
//!
//! ```text
//!            keys, mouse, files dropped                        command line
//!                      │                                             │
//!               ┌──────▼──────┐                               ┌──────▼──────┐
//!               │    shell    │  eframe::App: logic() drains  │     cli     │
//!               └─┬────┬────┬─┘  events, ui() draws           └──────┬──────┘
//!         draws   │    │    │ submits, drains                        │
//!       ┌─────────▼┐ ┌─▼────┴───┐      ┌───────────────────────────┐ │
//!       │    ui    │→│   app    │ ───► │ engine   (thread boundary)│◄┘
//!       └──────────┘ └────┬─────┘ ◄─── └────────────┬──────────────┘
//!                    ┌────▼─────┐ ┌─────┐     ┌─────▼──────┐
//!                    │ document │◄┤files│     │ diffusion  │
//!                    └──────────┘ └─────┘     └──┬──────┬──┘
//!                                          ┌─────▼──┐ ┌─▼─────┐
//!                                          │ models │ │  ops  │──► kernels
//!                                          └────────┘ └───────┘
//!          types, plane, feather, cancel: plain data, pixels in tiles, the mask's edge, the stop flag:
//!          known to all
//! ```
//!
//! | room | what lives there | never |
//! |---|---|---|
//! | [`shell`] | the only `eframe::App`; owns the state and the engine's handle | drawing details |
//! | [`ui`] | panels, canvas, tokens, widgets; reads state, returns commands | changes the document; tensors; threads |
//! | [`app`] | the state of what the user sees, the command table, the queue, undo, what of the session is stored, the words | egui, wgpu, tensors, threads |
//! | [`peer`] | stock candle networks to measure against | anything that paints |
//! | [`cli`] | flags to the same requests that the window makes | a pipeline of its own |
//! | [`engine`] | protocol, handle, worker, painter: requests in, events out | egui; tensors in the protocol |
//! | [`files`] | pictures in and out, dialogs, the journal's writer, downloads, the search for models, on threads of their own | computing tensors |
//! | [`document`] | the picture and its mask, strokes, picture files, the journal's format | tensors, egui |
//! | [`diffusion`] | text encoder, UNet, autoencoder, samplers, guidance, noise, previews, depth from a picture | channels, threads, windows |
//! | [`ops`] | the fused verbs, by candle, by own kernels, or only counted | models, files |
//! | [`models`] | what is on disk: folders, weights, configurations, the built-in model | the network |
//! | [`kernels`] | arithmetic on the processor | what a UNet is |
//!
//! Invariants, each with a test: a job is one complete owned snapshot and ends in exactly one
//! terminal event; cancelling takes effect between UNet blocks; the window never waits for the
//! worker; a picture is a function of its stored request, bit for bit, whatever the number of
//! threads; where the mask is zero, filling changes no bit; no panic reaches the user; what the
//! journal has acknowledged comes back whenever the program is killed.

pub mod app;
pub mod cancel;
pub mod cli;
pub mod diffusion;
pub mod document;
pub mod engine;
pub mod feather;
pub mod files;
pub mod kernels;
pub mod models;
pub mod ops;
pub mod peer;
pub mod plane;
pub mod shell;
pub mod types;
pub mod ui;
