/** Whether a file holds a signature of this artifact: `app.bin.sig`, or `app.bin.<16 digits of a key id>.sig`. */
export function isSignatureFileOf(artifactFilename: string, name: string): boolean {
  if (!name.startsWith(artifactFilename)) return false;
  return /^(\.[0-9a-f]{16})?\.sig$/.test(name.slice(artifactFilename.length));
}
