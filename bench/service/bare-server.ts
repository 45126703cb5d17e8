/** What the service is measured against: a Fastify route that returns a constant. */
import Fastify from 'fastify';

const app = Fastify();
const answer = {
  update_available: false,
  current_version: '1.0.0',
  latest_version: '1.0.0',
  download_url: null,
  file_size: null,
  checksum_sha256: null,
  release_notes: null,
  checksum_md5: null,
  signature: null,
  reason: 'up-to-date',
};
app.get('/api/firmware/check', () => answer);
process.stdout.write(`OTA service at ${await app.listen({ host: '127.0.0.1', port: 0 })}\n`);
