//! Depth from a picture: the network against transformers', both ways of naming its tensors, and a
//! depth model that is given nothing but the picture.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pentimento::cancel::CancelToken;
use pentimento::diffusion::depth::DepthNetwork;
use pentimento::engine::Engine;
use pentimento::engine::painter::{Backend, Options};
use pentimento::engine::protocol::{
    Event, InitPicture, ModelSource, PaintRequest, Posterior, Request,
};
use pentimento::models::depth;
use pentimento::ops::{Ops, candle::Candle, cpu::Cpu};
use pentimento::plane::Plane;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize_to_file};

use super::support::{Goldens, Program, Table, bound, copy_folder, fixtures, relative, rgb};

fn check<O: Ops>(ops: &O, file: &Path, title: &str) {
    let goldens = Goldens::read("depth.safetensors");
    let (config, table) = depth::open(file).expect("weights");
    assert_eq!((config.layers, config.heads, config.side), (4, 2, 5));
    let go = CancelToken::default();
    let network = DepthNetwork::load(ops, config, &table, &go).expect("a network");
    let mut errors = Table::default();
    for case in ["square", "wide"] {
        let rgb = goldens.get(&format!("{case}/rgb"));
        let size = (rgb.shape[0], rgb.shape[1]);
        let map = network.estimate(ops, &rgb.as_bytes(), size, &go).expect("a map");
        let wanted = &goldens.get(&format!("{case}/out")).values;
        assert_eq!(map.size, size);
        errors.within(case, relative(&map.values, wanted), bound::STAGE);
    }
    errors.finish(&format!("Depth, {title}: max |a − b| / max |b|"));
}

#[test]
fn depth_is_what_transformers_makes_of_a_picture() {
    let file = fixtures().join("depth_model.safetensors");
    check(&Cpu::default(), &file, "own kernels");
    check(&Candle::new().expect("a device"), &file, "candle");
}

/// The authors' name of transformers' tensor.
fn authors_name(name: &str) -> String {
    let replaced = [
        ("backbone.embeddings.cls_token", "pretrained.cls_token"),
        ("backbone.embeddings.mask_token", "pretrained.mask_token"),
        ("backbone.embeddings.position_embeddings", "pretrained.pos_embed"),
        ("backbone.embeddings.patch_embeddings.projection.", "pretrained.patch_embed.proj."),
        ("backbone.encoder.layer.", "pretrained.blocks."),
        ("backbone.layernorm.", "pretrained.norm."),
        (".attention.output.dense.", ".attn.proj."),
        (".layer_scale1.lambda1", ".ls1.gamma"),
        (".layer_scale2.lambda1", ".ls2.gamma"),
        ("neck.fusion_stage.layers.0.", "depth_head.scratch.refinenet4."),
        ("neck.fusion_stage.layers.1.", "depth_head.scratch.refinenet3."),
        ("neck.fusion_stage.layers.2.", "depth_head.scratch.refinenet2."),
        ("neck.fusion_stage.layers.3.", "depth_head.scratch.refinenet1."),
        (".residual_layer", ".resConfUnit"),
        (".convolution", ".conv"),
        ("neck.convs.0.", "depth_head.scratch.layer1_rn."),
        ("neck.convs.1.", "depth_head.scratch.layer2_rn."),
        ("neck.convs.2.", "depth_head.scratch.layer3_rn."),
        ("neck.convs.3.", "depth_head.scratch.layer4_rn."),
        ("head.conv1.", "depth_head.scratch.output_conv1."),
        ("head.conv2.", "depth_head.scratch.output_conv2.0."),
        ("head.conv3.", "depth_head.scratch.output_conv2.2."),
    ];
    let mut name = name.to_owned();
    for (new, old) in replaced {
        name = name.replace(new, old);
    }
    if let Some(rest) = name.strip_prefix("neck.reassemble_stage.layers.") {
        let (index, rest) = rest.split_once('.').expect("a stage's tensor");
        let (what, kind) = rest.split_once('.').expect("a layer's tensor");
        let what = if what == "projection" { "projects" } else { "resize_layers" };
        return format!("depth_head.{what}.{index}.{kind}");
    }
    name.replace("refinenet4.projection.", "refinenet4.out_conv.")
        .replace("refinenet3.projection.", "refinenet3.out_conv.")
        .replace("refinenet2.projection.", "refinenet2.out_conv.")
        .replace("refinenet1.projection.", "refinenet1.out_conv.")
}

#[test]
fn the_authors_own_checkpoints_are_read_too() {
    let bytes = fs::read(fixtures().join("depth_model.safetensors")).expect("weights");
    let file = SafeTensors::deserialize(&bytes).expect("our own file");
    let mut tensors: BTreeMap<String, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
    for (name, tensor) in file.tensors() {
        assert_eq!(tensor.dtype(), Dtype::F16);
        if name.contains(".attention.attention.") {
            continue;
        }
        let value = (tensor.shape().to_vec(), tensor.data().to_vec());
        tensors.insert(authors_name(&name), value);
    }
    for layer in 0..4 {
        for kind in ["weight", "bias"] {
            let part = |part: &str| {
                let name =
                    format!("backbone.encoder.layer.{layer}.attention.attention.{part}.{kind}");
                file.tensor(&name).expect("there")
            };
            let parts = ["query", "key", "value"].map(part);
            let mut shape = parts[0].shape().to_vec();
            shape[0] *= 3;
            let values = parts.iter().flat_map(|part| part.data().to_vec()).collect();
            tensors.insert(format!("pretrained.blocks.{layer}.attn.qkv.{kind}"), (shape, values));
        }
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("depth_anything_v2_vits.safetensors");
    let views = tensors.iter().map(|(name, (shape, values))| {
        (name, TensorView::new(Dtype::F16, shape.clone(), values).expect("a tensor"))
    });
    serialize_to_file(views, None, &path).expect("room");
    check(&Cpu::default(), &path, "the authors' names");
}

/// What a job said it needs, and what lay in memory when its model was ready.
fn job(engine: &mut Engine, request: PaintRequest) -> (u64, Vec<ModelSource>) {
    let job = engine.next_job();
    engine.submit(job, Request::Paint(Box::new(request))).expect("room");
    let (mut needs, mut there) = (0, Vec::new());
    while let Some(event) = engine.wait() {
        match event {
            Event::Forecast { needs: bytes, .. } => needs = bytes,
            Event::ModelReady { resident, .. } => {
                there = resident.into_iter().map(|(source, _)| source).collect();
            }
            Event::Failed { error, .. } => panic!("{error}"),
            event if event.is_terminal() => break,
            _ => {}
        }
    }
    (needs, there)
}

#[test]
fn the_network_stays_in_memory_and_is_part_of_the_forecast() {
    let place = tempfile::tempdir().expect("a temporary folder");
    copy_folder(&fixtures().join("sd1_tiny"), place.path());
    copy_folder(&fixtures().join("families/depth"), place.path());
    let weights = fixtures().join("depth_model.safetensors");
    let picture = Plane::filled((48, 32), [90, 90, 90, 255]);
    let mut estimated = PaintRequest {
        model: ModelSource::Path(place.path().to_owned()),
        size: Some((48, 32)),
        steps: Some(1),
        previews: false,
        init: Some(InitPicture {
            picture: picture.clone(),
            strength: 1.0,
            posterior: Posterior::Mode,
        }),
        ..PaintRequest::default()
    };
    estimated.conditions.depth_model = Some(weights.clone());
    let mut given = estimated.clone();
    given.conditions.depth = Some(picture);
    let mut engine = Engine::spawn(Options::default(), || ()).expect("a thread");
    let of_depth = |there: &[ModelSource]| there.contains(&ModelSource::Path(weights.clone()));
    let (with_map, there) = job(&mut engine, given);
    assert!(!of_depth(&there));
    let (with_network, there) = job(&mut engine, estimated.clone());
    assert!(!of_depth(&there), "it was read before it was needed");
    let (again, there) = job(&mut engine, estimated.clone());
    assert!(of_depth(&there), "it was not kept: {there:?}");
    assert_eq!(with_network, again);
    // At 518 pixels it takes more than so small a picture.
    assert!(with_network > with_map + (10 << 20), "{with_network} and {with_map} bytes");

    // Where the budget holds the painting but not the network beside it, it goes.
    let budget = Options { memory: Some(with_network), ..Options::default() };
    let mut engine = Engine::spawn(budget, || ()).expect("a thread");
    let (needs, _) = job(&mut engine, estimated);
    assert_eq!(needs, with_network, "it fits exactly");
}

#[test]
fn a_depth_model_takes_its_map_from_the_picture() {
    let place = tempfile::tempdir().expect("a temporary folder");
    copy_folder(&fixtures().join("sd1_tiny"), place.path());
    copy_folder(&fixtures().join("families/depth"), place.path());
    let mut program = Program::start(Backend::Cpu);
    let mut paint = |weights: Option<&Path>, light: fn(u32, u32) -> u8, opened: bool| {
        let pixels = (0..48 * 32).flat_map(|index: u32| {
            let value = light(index % 48, index / 48);
            [value, value, value, 255]
        });
        let picture = Plane::from_flat((48, 32), &pixels.collect::<Vec<u8>>());
        let mut request = PaintRequest {
            model: ModelSource::Path(place.path().to_owned()),
            prompt: "a house".to_owned(),
            size: Some((48, 32)),
            steps: Some(2),
            previews: false,
            init: opened.then_some(InitPicture {
                picture,
                strength: 1.0,
                posterior: Posterior::Mode,
            }),
            ..PaintRequest::default()
        };
        request.conditions.depth_model = weights.map(Path::to_owned);
        program.paint(request).map(|painted| rgb(&painted.picture))
    };
    let weights = fixtures().join("depth_model.safetensors");
    let slope = paint(Some(&weights), |x, _| 5 * x as u8, true).expect("a picture");
    let other = paint(Some(&weights), |_, y| 7 * y as u8, true).expect("a picture");
    assert_ne!(slope, other, "the depth does not show");
    let nothing = paint(None, |x, _| x as u8, false).expect_err("nothing to take it from");
    assert!(nothing.contains("open a picture"), "{nothing}");
    let wrong = place.path().join("vae/diffusion_pytorch_model.safetensors");
    let wrong = paint(Some(&wrong), |x, _| x as u8, true).expect_err("no such network");
    assert!(wrong.contains("not Depth Anything V2"), "{wrong}");
    let missing = paint(Some(Path::new("nowhere")), |x, _| x as u8, true).expect_err("no file");
    assert!(missing.contains("nowhere"), "{missing}");
}
