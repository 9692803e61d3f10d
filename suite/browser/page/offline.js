// Keeps the files of the page on the device, so that it opens without a network.

const PREFIX = `suite ${new URL(".", document.baseURI).href} `; // pages beside have caches of their own

/**
 * Keeps a page that `suite preview --to` wrote.
 *
 * @param {object} about {files, version}: what the page may ask for, by address; anew with each version. A page
 *   that is served by `suite preview` has none, and is not kept.
 * @param {string} runtime Address of the folder whose files differ by device: those that were used are kept.
 * @returns {Promise<boolean>} Whether it opens without a network from now on.
 */
export async function keepOffline({ files, version }, runtime) {
  if (!files || !navigator.serviceWorker) return false; // the latter needs https or localhost
  const cache = await caches.open(PREFIX + version);
  const used = performance.getEntriesByType("resource").map(({ name }) => name);
  const wanted = [
    ...files.map((file) => new URL(file, document.baseURI).href),
    ...used.filter((address) => address.startsWith(runtime)),
  ];
  const kept = new Set((await cache.keys()).map(({ url }) => url));
  await cache.addAll([...new Set(wanted)].filter((address) => !kept.has(address)));
  await navigator.serviceWorker.register("service_worker.js");
  await navigator.serviceWorker.ready;
  const older = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== PREFIX + version);
  await Promise.all(older.map((name) => caches.delete(name)));
  return true;
}
