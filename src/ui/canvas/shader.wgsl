// The canvas in three passes: the base (picture or sheet, filtered for the screen), the composition
// (what emerges and the mask over it), and the copy to the window. Each is drawn only when it changed.
// Everything is in the picture's own gamma space, as egui paints.

struct Frame {
    // screen = to_screen * image + offset, in physical pixels from the canvas's corner
    to_screen: vec4<f32>,
    to_image: vec4<f32>,
    offset: vec2<f32>,
    canvas: vec2<f32>,
    image: vec2<f32>,
    pixels_per_point: f32,
    // physical pixels per image pixel where the pixel grid shows, 0 where not, below 0 for sharp pixels without it
    grid: f32,
    // the sheet's rectangle on the canvas: x0 y0 x1 y1
    sheet: vec4<f32>,
    sheet_color: vec4<f32>,
    // mix, from the base, to the base, within the mask
    emerge: vec4<f32>,
    // what emerges, in image pixels: x y width height
    place: vec4<f32>,
    mask_color: vec4<f32>,
    // fill, hatch, contour, points per stored step of distance
    look: vec4<f32>,
    // where the canvas lies in the window
    origin: vec4<f32>,
};

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var linear_sampler: sampler;

fn to_clip(screen: vec2<f32>) -> vec4<f32> {
    let at = screen / frame.canvas * 2.0 - 1.0;
    return vec4<f32>(at.x, -at.y, 0.0, 1.0);
}

fn corner(index: u32) -> vec2<f32> {
    return vec2<f32>(f32(index & 1u), f32(index >> 1u));
}

// ---- base: one quad per tile of the picture

struct Tile {
    // the tile's pixels in its level: x0 y0 x1 y1
    content: vec4<f32>,
    // where the texture begins in the level, and image pixels per level pixel
    place: vec4<f32>,
};

@group(1) @binding(0) var<uniform> tile: Tile;
@group(1) @binding(1) var tile_texture: texture_2d<f32>;

struct TileVertex {
    @builtin(position) position: vec4<f32>,
    // in texels of the tile's texture
    @location(0) texel: vec2<f32>,
};

@vertex
fn tile_vertex(@builtin(vertex_index) index: u32) -> TileVertex {
    let level = mix(tile.content.xy, tile.content.zw, corner(index));
    let image = level * tile.place.zw;
    let screen = vec2<f32>(
        dot(frame.to_screen.xy, image),
        dot(frame.to_screen.zw, image),
    ) + frame.offset;
    var out: TileVertex;
    out.position = to_clip(screen);
    out.texel = level - tile.place.xy;
    return out;
}

fn over_checks(color: vec4<f32>, position: vec2<f32>) -> vec4<f32> {
    let cell = vec2<i32>(floor(position / (8.0 * frame.pixels_per_point)));
    let check = select(0.8, 0.6, ((cell.x + cell.y) & 1) == 1);
    return vec4<f32>(color.rgb + check * (1.0 - color.a), 1.0);
}

// Exact pixels, with the pixel grid when they are large.
@fragment
fn tile_sharp(in: TileVertex) -> @location(0) vec4<f32> {
    var color = textureLoad(tile_texture, vec2<i32>(floor(in.texel)), 0);
    if frame.grid > 0.0 {
        let within = fract(in.texel) * frame.grid;
        if min(within.x, within.y) < 1.0 {
            color = vec4<f32>(mix(color.rgb, vec3<f32>(0.5) * color.a, 0.3), color.a);
        }
    }
    return over_checks(color, in.position.xy);
}

// One bilinear tap: for what its mip level already shrank to between one and two times the screen.
@fragment
fn tile_shrunk(in: TileVertex) -> @location(0) vec4<f32> {
    let size = vec2<f32>(textureDimensions(tile_texture));
    let color = textureSampleLevel(tile_texture, linear_sampler, in.texel / size, 0.0);
    return over_checks(color, in.position.xy);
}

// Catmull-Rom in five bilinear taps (Jimenez 2016, "Filmic SMAA"): the corners, which weigh next
// to nothing, are left out and the rest is normalised.
@fragment
fn tile_enlarged(in: TileVertex) -> @location(0) vec4<f32> {
    let size = vec2<f32>(textureDimensions(tile_texture));
    let centre = floor(in.texel - 0.5) + 0.5;
    let f = in.texel - centre;
    let w0 = f * (-0.5 + f * (1.0 - 0.5 * f));
    let w1 = 1.0 + f * f * (-2.5 + 1.5 * f);
    let w2 = f * (0.5 + f * (2.0 - 1.5 * f));
    let w3 = f * f * (-0.5 + 0.5 * f);
    let w12 = w1 + w2;
    let near = (centre - 1.0) / size;
    let mid = (centre + w2 / w12) / size;
    let far = (centre + 2.0) / size;
    var sum = textureSampleLevel(tile_texture, linear_sampler, mid, 0.0) * (w12.x * w12.y);
    sum += textureSampleLevel(tile_texture, linear_sampler, vec2<f32>(near.x, mid.y), 0.0) * (w0.x * w12.y);
    sum += textureSampleLevel(tile_texture, linear_sampler, vec2<f32>(far.x, mid.y), 0.0) * (w3.x * w12.y);
    sum += textureSampleLevel(tile_texture, linear_sampler, vec2<f32>(mid.x, near.y), 0.0) * (w12.x * w0.y);
    sum += textureSampleLevel(tile_texture, linear_sampler, vec2<f32>(mid.x, far.y), 0.0) * (w12.x * w3.y);
    let weight = w12.x * w12.y + (w0.x + w3.x) * w12.y + w12.x * (w0.y + w3.y);
    let color = clamp(sum / weight, vec4<f32>(0.0), vec4<f32>(1.0));
    return over_checks(color, in.position.xy);
}

// ---- the sheet, and the rectangle of the composition

@vertex
fn sheet_vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    return to_clip(mix(frame.sheet.xy, frame.sheet.zw, corner(index)));
}

@fragment
fn sheet_fragment() -> @location(0) vec4<f32> {
    return vec4<f32>(frame.sheet_color.rgb, 1.0);
}

// ---- composition

@group(1) @binding(0) var base_texture: texture_2d<f32>;
@group(1) @binding(1) var from_texture: texture_2d<f32>;
@group(1) @binding(2) var to_texture: texture_2d<f32>;
@group(1) @binding(3) var mask_texture: texture_2d<f32>;

// Decided when the pipelines are made: software rasterisers run both arms of a branch.
override EMERGING: bool = true;
override MASKED: bool = true;

@fragment
fn compose_fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let p = position.xy;
    var color = textureLoad(base_texture, vec2<i32>(p), 0).rgb;
    let moved = p - frame.offset;
    let image = vec2<f32>(dot(frame.to_image.xy, moved), dot(frame.to_image.zw, moved));
    let uv = image / frame.image;
    var mask = vec3<f32>(1.0);
    if MASKED {
        mask = textureSampleLevel(mask_texture, linear_sampler, uv, 0.0).rgb;
    }
    if EMERGING {
        let at = (image - frame.place.xy) / frame.place.zw;
        let before = mix(textureSampleLevel(from_texture, linear_sampler, at, 0.0).rgb, color, frame.emerge.y);
        let after = mix(textureSampleLevel(to_texture, linear_sampler, at, 0.0).rgb, color, frame.emerge.z);
        let emerging = mix(before, after, frame.emerge.x);
        let inside = all(clamp(at, vec2<f32>(0.0), vec2<f32>(1.0)) == at);
        color = mix(color, emerging, select(0.0, mix(1.0, mask.g, frame.emerge.w), inside));
    }
    if MASKED {
        let diagonal = fract((p.x + p.y) / (11.3137 * frame.pixels_per_point));
        let hatch = select(0.0, frame.look.y, diagonal < 0.125);
        color = mix(color, frame.mask_color.rgb, frame.look.x * mask.g);
        color = mix(color, vec3<f32>(1.0), hatch * mask.g);
        // 1.5 points of light over 2.5 points of dark.
        let apart = abs(mask.b * 255.0 - 128.0) * frame.look.w;
        let soft = frame.pixels_per_point;
        let dark = clamp((1.25 - apart) * soft + 0.5, 0.0, 1.0) * frame.look.z;
        let light = clamp((0.75 - apart) * soft + 0.5, 0.0, 1.0) * frame.look.z;
        color = mix(color, vec3<f32>(0.06), dark);
        color = mix(color, vec3<f32>(0.98), light);
    }
    return vec4<f32>(color, 1.0);
}

// ---- copy to the window

@group(1) @binding(0) var shown_texture: texture_2d<f32>;

@vertex
fn copy_vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    let at = corner(index) * 2.0 - 1.0;
    return vec4<f32>(at, 0.0, 1.0);
}

override VALUES: bool = false;

fn to_light(color: vec3<f32>) -> vec3<f32> {
    let low = color / 12.92;
    let high = pow((color + 0.055) / 1.055, vec3<f32>(2.4));
    return select(high, low, color < vec3<f32>(0.04045));
}

// What is shown, or the grey that is as light: relative luminance (ITU-R BT.709), in sRGB's curve.
fn shown_color(position: vec2<f32>) -> vec3<f32> {
    let color = textureLoad(shown_texture, vec2<i32>(position - frame.origin.xy), 0).rgb;
    if !VALUES {
        return color;
    }
    let luminance = dot(to_light(color), vec3<f32>(0.2126, 0.7152, 0.0722));
    let high = 1.055 * pow(luminance, 1.0 / 2.4) - 0.055;
    return vec3<f32>(select(high, luminance * 12.92, luminance < 0.0031308));
}

@fragment
fn copy_fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    return vec4<f32>(shown_color(position.xy), 1.0);
}

// For a window whose format turns linear light into sRGB by itself.
@fragment
fn copy_fragment_linear(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    return vec4<f32>(to_light(shown_color(position.xy)), 1.0);
}
