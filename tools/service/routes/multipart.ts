import type { FastifyRequest } from 'fastify';
import { OtaError } from '../../core/errors.ts';
import type { TakenFile } from '../releases.ts';
import type { Service } from '../service.ts';

/** A form with one file in it. */
export interface UploadedForm {
  readonly file: TakenFile;
  readonly filename: string;
  readonly fields: Readonly<Record<string, string>>;
}

/**
 * Reads a form, its fields in any order; the file goes straight to the artifact store. What `use` does not keep of it
 * is gone afterwards.
 *
 * @throws OtaError `request-invalid` without a file, and what taking a file in throws
 */
export async function withForm<Answer>(
  service: Service,
  request: FastifyRequest,
  use: (form: UploadedForm) => Promise<Answer>,
): Promise<Answer> {
  if (!request.isMultipart()) throw noFile();
  const fields: Record<string, string> = {};
  let file: TakenFile | undefined;
  let filename = 'firmware.bin';
  try {
    for await (const part of request.parts()) {
      if (part.type === 'field') {
        fields[part.fieldname] = String(part.value);
      } else if (part.fieldname === 'file' || part.fieldname === 'firmware') {
        filename = baseName(part.filename);
        file = await service.releases.take(part.file);
      } else {
        part.file.resume();
      }
    }
    if (file === undefined) throw noFile();
    return await use({ file, filename, fields });
  } finally {
    await file?.discard();
  }
}

/** Some clients send the path on their own disk. */
function baseName(name: string): string {
  return name.split(/[/\\]/).at(-1) || 'firmware.bin';
}

function noFile(): OtaError {
  return new OtaError('request-invalid', 'there is no file in the request', {
    hint: 'Send a form (multipart/form-data) with the field "file": curl -F "file=@firmware.bin".',
  });
}
