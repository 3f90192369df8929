/** The one material of all elements: what a vertex shows is read from its element's texel (looks.ts). */

import { DoubleSide, GLSL3, ShaderMaterial, type DataTexture } from 'three'

export const TEXELS_WIDE = 256
const PICK = 'PICK'

const vertex = /* glsl */ `
precision highp usampler2D;
in float feature;
uniform usampler2D texels;
flat out uvec4 look;
flat out float element;
out vec3 view;
out float height;

void main() {
  int i = int(feature + 0.5);
  look = texelFetch(texels, ivec2(i % ${TEXELS_WIDE}, i / ${TEXELS_WIDE}), 0);
  element = feature;
  vec4 world = modelMatrix * vec4(position, 1.0);
  vec4 seen = viewMatrix * world;
  view = seen.xyz;
  height = world.y;
  // What is hidden is put where nothing is drawn.
  gl_Position = look.a < 16u ? vec4(0.0, 0.0, 2.0, 1.0) : projectionMatrix * seen;
}`

const fragment = /* glsl */ `
precision highp float;
precision highp int;
flat in uvec4 look;
flat in float element;
in vec3 view;
in float height;
uniform float cut;
uniform float clarity;
uniform float pixel;
out vec4 colour;

const float BAYER[16] = float[](0., 8., 2., 10., 12., 4., 14., 6., 3., 11., 1., 9., 15., 7., 13., 5.);

bool inked(int pattern, ivec2 at) {
  int d = (at.x + at.y) % 12, e = (at.x - at.y + 24000) % 12;
  bool dot_ = (at.x % 8) < 3 && (at.y % 8) < 3;
  if (pattern == 1) return d < 4;
  if (pattern == 2) return d < 3 || e < 3;
  if (pattern == 3) return dot_;
  if (pattern == 4) return at.y % 8 < 3;
  if (pattern == 5) return at.x % 8 < 3;
  if (pattern == 6) return e < 2;
  if (pattern == 7) return ((at.x / 6) + (at.y / 6)) % 2 == 0;
  return false;
}

void main() {
  if (height > cut) discard;
  float opacity = float(look.a >> 4u) * clarity;
  #ifndef ${PICK}
  ivec2 at = ivec2(gl_FragCoord.xy / pixel);
  // Screen-door transparency needs no sorting and one pass.
  ivec2 raw = ivec2(gl_FragCoord.xy);
  if (opacity < 14.9 && BAYER[(raw.x & 3) + 4 * (raw.y & 3)] >= opacity) discard;
  vec3 normal = normalize(cross(dFdx(view), dFdy(view)));
  float light = 0.5 + 0.5 * abs(dot(normal, normalize(vec3(0.25, 0.75, 0.6))));
  vec3 base = vec3(look.rgb) / 255.0 * light;
  int pattern = int(look.a & 7u);
  float ink = dot(base, vec3(0.299, 0.587, 0.114)) > 0.35 ? 0.62 : 1.7;
  if (inked(pattern, at)) base *= ink;
  if ((look.a & 8u) != 0u) base = mix(base, vec3(1.0, 0.92, 0.2), 0.45);
  colour = vec4(base, 1.0);
  #else
  colour = vec4(element + 1.0, -view.z, 0.0, 1.0);
  #endif
}`

export function elementMaterial(texels: DataTexture, { glass = false, pick = false } = {}): ShaderMaterial {
  return new ShaderMaterial({
    glslVersion: GLSL3,
    vertexShader: vertex,
    fragmentShader: fragment,
    side: DoubleSide,
    defines: pick ? { [PICK]: 1 } : {},
    uniforms: {
      texels: { value: texels },
      cut: { value: 1e9 },
      clarity: { value: glass ? 0.45 : 1 },
      pixel: { value: 1 },
    },
  })
}
