// Tells the matrix beside it what the network has written now.

export default function (component) {
  window.autorecWritten = component.data;
  window.dispatchEvent(new Event("autorec-written"));
}
