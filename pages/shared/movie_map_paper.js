// What draws the points of a map: WebGL, or a plain canvas where a browser has none. Put before movie_map.js.

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

function makePaper(canvas) {
  const gl = canvas.getContext("webgl", { antialias: false, premultipliedAlpha: true, preserveDrawingBuffer: true });
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

function plainPaper(canvas) {
  const pen = canvas.getContext("2d");
  return {
    name: "canvas",
    take() {},
    draw(self, eye, now) {
      const screen = now.onScreen();
      pen.setTransform(now.ratio, 0, 0, now.ratio, 0, 0);
      pen.clearRect(0, 0, now.width, now.height);
      let last = "";
      for (let i = 0; i < self.n; i += 1) {
        const [x, y] = [screen[3 * i], screen[3 * i + 1]];
        if (x < -9 || y < -9 || x > now.width + 9 || y > now.height + 9) continue;
        const c = self.fresh.subarray(4 * i, 4 * i + 4);
        const paint = `rgba(${(255 * c[0]) | 0},${(255 * c[1]) | 0},${(255 * c[2]) | 0},${c[3].toFixed(2)})`;
        if (paint !== last) pen.fillStyle = last = paint;
        const radius = (self.sizes[i] * now.grow) / 2;
        if (radius < 2.2) pen.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
        else {
          pen.beginPath();
          pen.arc(x, y, radius, 0, 2 * Math.PI);
          pen.fill();
        }
      }
    },
  };
}
