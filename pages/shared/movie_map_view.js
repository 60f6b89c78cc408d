// Tells the map beside it how its points are to be shown now.

export default function (component) {
  window.autorecMapView = component.data;
  window.dispatchEvent(new Event("autorec-map-view"));
}
