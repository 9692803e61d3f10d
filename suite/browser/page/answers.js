// What the outputs of a model say, as `suite predict` reads them.

/** The `top` most probable classes, best first; of equals the first; classes without a name are left out. */
export function bestClasses(probabilities, labels, top) {
  return [...probabilities]
    .map((probability, index) => ({ name: labels[index], probability }))
    .filter(({ name }) => name !== undefined)
    .sort((a, b) => b.probability - a.probability)
    .slice(0, top);
}

/** What a detector found, scores >= `least`: {name, probability, label, box: [top, left, bottom, right]}. */
export function detections({ boxes, scores, labels: classes }, labels, least) {
  return [...scores]
    .map((probability, i) => ({
      name: labels[classes[i]],
      probability,
      box: [...boxes.slice(4 * i, 4 * i + 4)],
      label: classes[i],
    }))
    .filter(({ probability }) => probability > 0 && probability >= least);
}

/** The class of each pixel, from probabilities (pixels, classes). */
export function classMap(probabilities, classes) {
  const map = new Uint8Array(probabilities.length / classes);
  for (let pixel = 0; pixel < map.length; pixel += 1) {
    let best = 0;
    for (let c = 1; c < classes; c += 1) {
      if (probabilities[pixel * classes + c] > probabilities[pixel * classes + best]) best = c;
    }
    map[pixel] = best;
  }
  return map;
}

/** Classes by their share of the pixels, largest first. */
export function shares(map, labels, top) {
  const counts = new Float64Array(labels.length);
  for (const label of map) counts[label] += 1 / map.length;
  return [...counts]
    .map((probability, label) => ({ name: labels[label], probability, label }))
    .filter(({ probability }) => probability > 0)
    .sort((a, b) => b.probability - a.probability)
    .slice(0, top);
}

/** The middle of sorted numbers, the mean of the middle two. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
