// What draws the points of a map: WebGL, or a plain canvas where no GPU does that. Put before movie_map.js.

const FAR = 3.2; // distance of the eye from the middle of space

const VERTEX = `
attribute vec3 a_from;
attribute vec3 a_to;
attribute vec4 a_old;
attribute vec4 a_new;
attribute float a_size;
uniform float u_glide, u_zoom, u_ratio, u_space, u_grow;
uniform vec2 u_pan, u_scale;
uniform mat3 u_turn;
varying vec4 v_colour;
void main() {
  vec3 p = u_turn * mix(a_from, a_to, u_glide);
  float near = u_space > 0.5 ? ${FAR.toFixed(1)} / (${FAR.toFixed(1)} - p.z) : 1.0;
  gl_Position = vec4((p.xy * near * u_zoom + u_pan) * u_scale, u_space > 0.5 ? -p.z * 0.3 : 0.0, 1.0);
  v_colour = mix(a_old, a_new, u_glide);
  gl_PointSize = max(1.5, a_size * u_grow * u_ratio * near * (v_colour.a < 0.2 ? 0.8 : 1.0)) + 1.5;
}`;
const FRAGMENT = `
precision mediump float;
varying vec4 v_colour;
void main() {
  float d = length(gl_PointCoord - 0.5) * 2.0;
  float a = v_colour.a * (1.0 - smoothstep(0.78, 1.0, d));
  if (a < 0.004) discard;
  gl_FragColor = vec4(v_colour.rgb * a, a);
}`;

// Whether a GPU would do it: WebGL in software is several times slower than the plain canvas below. A browser may say so
// when it is asked to refuse that, or only by the name of what draws.
function hasGpu() {
  const gl = document.createElement("canvas").getContext("webgl", { failIfMajorPerformanceCaveat: true });
  if (!gl) return false;
  const told = gl.getExtension("WEBGL_debug_renderer_info");
  const name = String(gl.getParameter(told ? told.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return !/swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}

function makePaper(canvas) {
  const gl = hasGpu() ? canvas.getContext("webgl", { antialias: false, premultipliedAlpha: true }) : null;
  return gl ? glPaper(canvas, gl) : plainPaper(canvas);
}

function glPaper(canvas, gl) {
  let [program, buffers, taken] = [null, {}, null];
  const uniform = {};
  function build() {
    program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    for (const key of ["glide", "zoom", "ratio", "space", "grow", "pan", "scale", "turn"]) {
      uniform[key] = gl.getUniformLocation(program, `u_${key}`);
    }
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    buffers = {};
  }
  function fill(key, size, values) {
    buffers[key] = buffers[key] || gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers[key]);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
    const place = gl.getAttribLocation(program, `a_${key}`);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, size, gl.FLOAT, false, 0, 0);
  }
  build();
  // A browser may take the context away, as from a page in the background; then all is built anew.
  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
  canvas.addEventListener("webglcontextrestored", () => {
    build();
    if (taken) {
      paper.take(taken);
      taken.look();
    }
  });
  const paper = {
    name: "webgl",
    finest: 2,
    take(self) {
      taken = self;
      fill("from", 3, self.from);
      fill("to", 3, self.to);
      fill("old", 4, self.old);
      fill("new", 4, self.fresh);
      fill("size", 1, self.sizes);
    },
    draw(self, eye, now) {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.uniform1f(uniform.glide, now.glide);
      gl.uniform1f(uniform.zoom, eye.zoom);
      gl.uniform1f(uniform.ratio, now.ratio);
      gl.uniform1f(uniform.space, now.inSpace ? 1 : 0);
      gl.uniform1f(uniform.grow, now.grow);
      gl.uniform2f(uniform.pan, eye.x, eye.y);
      gl.uniform2f(uniform.scale, (2 * now.unit) / now.width, (2 * now.unit) / now.height);
      const t = eye.turn;
      gl.uniformMatrix3fv(uniform.turn, false, [t[0], t[3], t[6], t[1], t[4], t[7], t[2], t[5], t[8]]);
      gl.drawArrays(gl.POINTS, 0, self.n);
    },
  };
  return paper;
}

// A plain canvas takes tens of milliseconds to fill thousands of circles; so it is given finished pixels instead. Discs
// are kept as how much they cover of each pixel, for radii and for places within a pixel in steps of a quarter.
function plainPaper(canvas) {
  const pen = canvas.getContext("2d", { alpha: false });
  const discs = [];
  let [image, pixels, colours] = [null, null, null];

  function disc(quarters, right, down) {
    const radius = quarters / 4;
    const reach = Math.ceil(radius + 1);
    const side = 2 * reach + 1;
    const cover = new Float32Array(side * side);
    for (let at = 0; at < cover.length; at += 1) {
      const [x, y] = [(at % side) - reach - right / 4, Math.floor(at / side) - reach - down / 4];
      cover[at] = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(x, y)));
    }
    return { reach, side, cover };
  }

  return {
    name: "canvas",
    finest: 1.5, // pixels to one of the page; with more of them the processor falls behind
    take(self) {
      colours = Float32Array.from(self.fresh, (part, place) => (place % 4 < 3 ? 255 * part : part));
    },
    draw(self, eye, now) {
      const { width, height } = canvas;
      if (!image || image.width !== width || image.height !== height) {
        image = pen.createImageData(width, height);
        pixels = new Uint8Array(image.data.buffer);
      }
      const [red, green, blue] = now.ground().map((part) => Math.round(255 * part));
      new Uint32Array(pixels.buffer).fill(((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0);
      const screen = now.onScreen();
      for (let i = 0; i < self.n; i += 1) {
        const near = now.inSpace ? FAR / (FAR - screen[3 * i + 2]) : 1;
        const quarters = Math.max(3, Math.round(2 * self.sizes[i] * now.grow * now.ratio * near));
        const x = Math.round(4 * now.ratio * screen[3 * i] - 2); // in quarters, from the middle of a pixel
        const y = Math.round(4 * now.ratio * screen[3 * i + 1] - 2);
        const key = 16 * quarters + 4 * (x & 3) + (y & 3);
        const { reach, side, cover } = (discs[key] ||= disc(quarters, x & 3, y & 3));
        const [left, top] = [(x >> 2) - reach, (y >> 2) - reach];
        const [low, high] = [Math.max(0, -left), Math.min(side, width - left)];
        const [r, g, b, alpha] = [colours[4 * i], colours[4 * i + 1], colours[4 * i + 2], colours[4 * i + 3]];
        for (let row = Math.max(0, -top); row < Math.min(side, height - top); row += 1) {
          let at = 4 * ((top + row) * width + left + low);
          for (let column = low; column < high; column += 1, at += 4) {
            const share = alpha * cover[row * side + column];
            if (!share) continue;
            pixels[at] += share * (r - pixels[at]) + 0.5;
            pixels[at + 1] += share * (g - pixels[at + 1]) + 0.5;
            pixels[at + 2] += share * (b - pixels[at + 2]) + 0.5;
          }
        }
      }
      pen.putImageData(image, 0, 0);
    },
  };
}
