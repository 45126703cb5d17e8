/** A form with one file, cut so that the file need not be copied. */
export interface FileForm {
  readonly contentType: string;
  /** What goes before and after the file's bytes. */
  readonly head: Uint8Array;
  readonly tail: Uint8Array;
}

/** Builds a form (RFC 7578). The boundary must not occur in the file: make it long and random. */
export function buildFileForm(field: string, filename: string, boundary: string): FileForm {
  const safeName = filename.replace(/[^\x20-\x7e]|["\\]/g, '_');
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    head: Buffer.from(
      `--${boundary}\r\n` +
        `Content-Disposition: form-data; name="${field}"; filename="${safeName}"\r\n` +
        'Content-Type: application/octet-stream\r\n\r\n',
    ),
    tail: Buffer.from(`\r\n--${boundary}--\r\n`),
  };
}
