// Pictures from files and from the camera: opaque, upright, in the colors that the file has.

import { stretch, toGray } from "./pixels.js";

// A larger picture is first shrunk to a half or a quarter, which is much faster and changes its pixels by less
// than one level; suite/data/pictures/images.py does so with the photos of cameras, too.
const MOST_PIXELS = 4e6;

/** Decodes a file; a picture that the browser cannot read is an error in one line. */
export async function decode(file) {
  try {
    // As Pillow does: the EXIF orientation is applied, a color profile is not.
    return await createImageBitmap(file, { colorSpaceConversion: "none" });
  } catch {
    throw new Error(
      "expected a picture that this browser reads (JPEG, PNG, WebP, GIF), " +
        `received ${file.name}; choose another file`,
    );
  }
}

/**
 * The pixels that a model takes.
 *
 * @param {ImageBitmap|HTMLVideoElement|HTMLCanvasElement} source What is stretched, all of it, on white.
 * @param {number[]} shape (1, height, width, 3 or 1) of the model's input.
 * @returns {Uint8Array} Of that shape.
 */
export function pixelsOf(source, [, height, width, channels]) {
  const size = sizeOf(source);
  let shrink = 1;
  while (size.width * size.height > MOST_PIXELS * shrink ** 2) shrink *= 2;
  const canvas = new OffscreenCanvas(Math.ceil(size.width / shrink), Math.ceil(size.height / shrink));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  const rgb = stretch(context.getImageData(0, 0, canvas.width, canvas.height), width, height);
  return channels === 1 ? toGray(rgb) : rgb;
}

/** Width and height in pixels of a picture or a video. */
export function sizeOf(source) {
  return { width: source.videoWidth ?? source.width, height: source.videoHeight ?? source.height };
}

/** Starts the camera; one that is missing or refused is an error in one line. */
export async function openCamera(video) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error(
      "the camera needs https or localhost; choose a picture instead, which offers a phone's camera, too",
    );
  }
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    await video.play();
    if (!video.videoWidth) {
      await new Promise((resolve) => video.addEventListener("resize", resolve, { once: true }));
    }
  } catch (failure) {
    closeCamera(video);
    const reason = { NotAllowedError: "was refused", NotFoundError: "was not found" }[failure.name];
    const what = reason ?? `did not start (${failure.message})`;
    throw new Error(`the camera ${what}; allow it for this page, or choose a picture instead`, {
      cause: failure,
    });
  }
}

/** Stops the camera. */
export function closeCamera(video) {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
}
