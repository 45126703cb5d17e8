/**
 * Every way this toolkit fails on purpose. A code is stable: it is what people search for.
 * The README prints this table; a test keeps the two in step.
 *
 * `exit` is the exit status of a command that ends with the error:
 * 1 it did not work · 2 asked wrongly, or the manifest is invalid · 130 cancelled.
 */
export const errorCodes = {
  // asked wrongly
  usage: { exit: 2, meaning: 'The command line is not understood.' },
  'version-invalid': {
    exit: 2,
    meaning: 'A version cannot be used: as a folder name, or as the oldest that may update.',
  },
  'name-invalid': {
    exit: 2,
    meaning: 'A file name holds a separator, `..` or control characters.',
  },
  'env-file-unreadable': { exit: 2, meaning: 'The file given by `--env-file` cannot be read.' },
  'notes-unreadable': {
    exit: 2,
    meaning: 'The file given by `--notes-file` cannot be read, or is too long.',
  },
  'binary-missing': { exit: 2, meaning: 'There is no firmware binary at the given path.' },
  'binary-not-a-file': { exit: 2, meaning: 'The firmware binary is a folder or a device.' },
  'binary-empty': { exit: 2, meaning: 'The firmware binary has no bytes.' },
  'binary-unreadable': { exit: 2, meaning: 'The firmware binary exists but may not be read.' },

  // the manifest and its files
  'json-invalid': { exit: 2, meaning: 'A file is not JSON; line and column are given.' },
  'manifest-missing': { exit: 2, meaning: 'There is no manifest at the given path.' },
  'manifest-unreadable': { exit: 2, meaning: 'A manifest exists but cannot be read.' },
  'manifest-invalid': {
    exit: 2,
    meaning: 'A manifest breaks its schema or its rules; all problems are listed.',
  },
  'release-missing': { exit: 2, meaning: 'The manifest names a release whose file is not there.' },
  'version-unknown': { exit: 2, meaning: 'The manifest has no such version.' },
  'artifact-unknown': { exit: 2, meaning: 'The release has no such artifact.' },
  'artifact-missing': { exit: 2, meaning: 'An artifact file is not where the release says.' },
  'artifact-size-mismatch': {
    exit: 2,
    meaning: 'An artifact has another size than the release says.',
  },
  'artifact-hash-mismatch': {
    exit: 2,
    meaning: 'An artifact has another SHA-256 than the release says.',
  },
  orphan: { exit: 1, meaning: 'A file or folder that no release mentions.' },
  'build-missing': { exit: 2, meaning: 'There is no finished ESP-IDF build in the folder.' },
  'build-invalid': {
    exit: 2,
    meaning: 'A file that describes a build does not hold what it must.',
  },
  'file-too-large': { exit: 2, meaning: 'A file is larger than any firmware can be.' },
  'image-invalid': {
    exit: 1,
    meaning: 'An artifact is not a sound image, or not the one that its release describes.',
  },
  'partition-table-invalid': { exit: 2, meaning: 'A file is no partition table.' },
  'check-unknown': { exit: 2, meaning: 'No packaging check has that name.' },
  'path-escapes': { exit: 2, meaning: 'A path leaves the folder it must stay in.' },
  'file-exists': { exit: 1, meaning: 'A file that is never overwritten is there already.' },
  'export-impossible': {
    exit: 2,
    meaning: 'A release lacks what an export format needs; all that is missing is listed.',
  },

  // keys and signatures
  'key-unreadable': { exit: 2, meaning: 'A key file or variable is missing or cannot be read.' },
  'key-invalid': {
    exit: 2,
    meaning: 'A key is not PEM, is damaged, or is a public one where a private one belongs.',
  },
  'key-unsupported': { exit: 2, meaning: 'A key is of a kind or size that is not used here.' },
  'key-passphrase': { exit: 2, meaning: 'The passphrase of a key is wrong or missing.' },
  'key-mismatch': { exit: 2, meaning: 'A trusted key is not the one that its id says.' },
  'key-untrusted': { exit: 2, meaning: 'The product does not trust a key that signs or signed.' },
  'key-expired': { exit: 2, meaning: 'A trusted key is used before or after its time.' },
  'signer-failed': {
    exit: 1,
    meaning: 'The external signer failed, hung, or answered with no valid signature.',
  },
  'signature-missing': {
    exit: 2,
    meaning:
      'A release has fewer good signatures than the product demands; all reasons are listed.',
  },
  'signature-invalid': {
    exit: 2,
    meaning: 'A signature does not match: the release or the artifact was changed after signing.',
  },

  // devices
  'batch-missing': { exit: 2, meaning: 'There is no batch file at the given path.' },
  'batch-unreadable': { exit: 2, meaning: 'A batch file exists but cannot be read.' },
  'batch-invalid': {
    exit: 2,
    meaning: 'A batch file has mistakes; all are listed with their line, and nothing is pushed.',
  },
  'password-file-unreadable': { exit: 2, meaning: 'The file of --password-file cannot be read.' },
  'port-taken': { exit: 1, meaning: 'A port of this machine is taken, or may not be used.' },
  'devices-missing': { exit: 2, meaning: 'A transport needs devices, and none is given.' },
  'devices-unused': { exit: 2, meaning: 'Devices are given, but no transport pushes to devices.' },

  // channels and transports
  'transport-unknown': { exit: 2, meaning: 'No transport has that name.' },
  'channel-missing': { exit: 2, meaning: 'A protocol is used but has no channel settings.' },
  'channel-invalid': { exit: 2, meaning: 'Channel settings break the schema of their transport.' },
  'placeholder-missing': {
    exit: 2,
    meaning: 'A `${NAME}` in a channel has no value; all are listed.',
  },
  'placeholder-leftover': {
    exit: 2,
    meaning: 'A channel still holds a stand-in such as `<token>`.',
  },
  'rollout-unsupported': {
    exit: 2,
    meaning:
      'A rollout is asked for that the transport, or the server of its channel, cannot start.',
  },
  'nothing-to-deploy': { exit: 2, meaning: 'No artifact matches the filters.' },

  'secret-literal': { exit: 2, meaning: 'A secret would be written into a manifest.' },

  // the fleet
  'topic-invalid': { exit: 2, meaning: 'A topic, or a value in it, cannot be used in MQTT.' },
  'deploy-config-missing': { exit: 2, meaning: 'There is no deploy configuration at that path.' },
  'deploy-config-invalid': { exit: 2, meaning: 'The deploy configuration breaks its schema.' },
  'deploy-config-exists': { exit: 2, meaning: 'A deploy configuration stands there already.' },
  'group-unknown': { exit: 2, meaning: 'The deploy configuration has no such group.' },
  'profile-invalid': { exit: 2, meaning: 'A profile of virtual devices breaks its schema.' },
  'version-file-invalid': { exit: 1, meaning: 'A version.json is not what devices can read.' },
  'program-missing': { exit: 1, meaning: 'A program that is needed is not installed.' },
  'chunks-incomplete': { exit: 1, meaning: 'A device does not have all chunks of a transfer.' },
  'publish-failed': { exit: 1, meaning: 'A file could not be put onto the update server.' },
  'nothing-to-clear': {
    exit: 2,
    meaning: 'No channel of the release leaves anything standing that could be cleared.',
  },
  'fleet-incomplete': {
    exit: 1,
    meaning: 'At least one device did not reach its end state; the report names each.',
  },

  // the service
  'request-invalid': { exit: 2, meaning: 'A request to the service breaks its schema.' },
  'device-unknown': { exit: 1, meaning: 'The service does not know that device.' },
  'release-unknown': { exit: 1, meaning: 'The service has no such release.' },
  'release-exists': { exit: 1, meaning: 'The service has another image under that version.' },
  'release-in-use': { exit: 1, meaning: 'A rollout still offers that release.' },
  'upload-unknown': { exit: 1, meaning: 'Nothing was uploaded under that path.' },
  'upload-mismatch': {
    exit: 1,
    meaning: 'An upload differs from what was declared: size, hash, version or build.',
  },
  'upload-rejected': { exit: 1, meaning: 'An upload is not an image that a device could run.' },
  'upload-too-large': { exit: 1, meaning: 'An upload is larger than the service accepts.' },
  'audience-invalid': {
    exit: 2,
    meaning: 'A rollout is for none of all, canary:N, groups:a,b and devices:a,b.',
  },
  'rollout-unknown': { exit: 1, meaning: 'The service has no rollout of that name.' },
  'rollout-exists': { exit: 1, meaning: 'The service has a rollout of that name already.' },
  'rollout-state': { exit: 1, meaning: 'A rollout cannot do that in the state that it is in.' },
  'transition-illegal': {
    exit: 1,
    meaning: 'A device reports a status that cannot follow its last one.',
  },
  forbidden: { exit: 1, meaning: 'These credentials do not suffice for that.' },
  'key-unknown': { exit: 1, meaning: 'The service has no key of that name.' },
  'token-unknown': { exit: 1, meaning: 'The service has made no token with that id.' },
  'key-exists': { exit: 1, meaning: 'The service has a key of that name already.' },
  'rate-limited': { exit: 1, meaning: 'Too many requests; the answer says when to come back.' },
  'link-invalid': { exit: 1, meaning: 'A signed download address is changed or has expired.' },
  'range-invalid': { exit: 1, meaning: 'The asked range lies outside the file.' },
  'not-found': { exit: 1, meaning: 'The service has nothing at that address.' },
  'database-failed': { exit: 1, meaning: 'The database cannot be opened or does not answer.' },
  'disk-full': {
    exit: 1,
    meaning: 'The disk of the service is full; nothing of the request was kept.',
  },
  'data-in-use': { exit: 1, meaning: 'Another service process uses the data folder.' },
  'port-in-use': { exit: 1, meaning: 'Another process listens on that address and port.' },
  'service-config-invalid': { exit: 2, meaning: 'The settings of the service are wrong.' },

  // doing it
  'binary-changed': { exit: 1, meaning: 'The firmware binary changed while it was read.' },
  'write-failed': {
    exit: 1,
    meaning: 'A file cannot be written: read-only, disk full, no permission.',
  },
  'lock-timeout': { exit: 1, meaning: 'Another process holds the workspace lock for too long.' },
  'lock-lost': {
    exit: 1,
    meaning: 'The workspace lock was removed, or taken by another process, during the work.',
  },
  'release-changed': { exit: 1, meaning: 'A release was changed while it was being signed.' },
  'release-sealed': { exit: 1, meaning: 'A signed release cannot be changed.' },
  'connection-refused': { exit: 1, meaning: 'Nothing listens at that address and port.' },
  'connection-failed': { exit: 1, meaning: 'The network connection broke or could not be made.' },
  'host-unknown': { exit: 1, meaning: 'The host name has no address.' },
  timeout: { exit: 1, meaning: 'The other side did not answer in time.' },
  'tls-expired': { exit: 1, meaning: 'The server certificate has expired, or is not valid yet.' },
  'tls-wrong-host': { exit: 1, meaning: 'The server certificate is for another host.' },
  'tls-unknown-ca': {
    exit: 1,
    meaning: 'The server certificate is signed by an unknown authority.',
  },
  'tls-failed': { exit: 1, meaning: 'The TLS handshake failed.' },
  'tls-file-unreadable': {
    exit: 2,
    meaning: 'A CA, certificate or key file cannot be read or used.',
  },
  unauthorized: { exit: 1, meaning: 'The other side refuses these credentials.' },
  'mqtt-refused': { exit: 1, meaning: 'The broker refused the connection or the message.' },
  'mqtt-too-large': {
    exit: 1,
    meaning: 'The artifact exceeds what the broker accepts in one message.',
  },
  'mqtt-unsupported': {
    exit: 1,
    meaning: 'The broker does not support the QoS or retain that is asked for.',
  },
  'http-status': { exit: 1, meaning: 'The server answered with a status that is not success.' },
  'http-redirect': { exit: 1, meaning: 'A redirect cannot be followed safely.' },

  // a device on the network
  'device-wrong-protocol': {
    exit: 1,
    meaning: 'Something else listens on the port of the device.',
  },
  'device-unexpected-answer': {
    exit: 1,
    meaning: 'The device answered what its protocol does not allow at that point.',
  },
  'device-did-not-connect': {
    exit: 1,
    meaning: 'The device agreed to an update but did not fetch it from this machine.',
  },
  'device-password-missing': { exit: 1, meaning: 'The device asks for a password; none is given.' },
  'device-encryption-required': {
    exit: 1,
    meaning: 'The device takes updates over an encrypted connection only.',
  },
  'device-encryption-missing': {
    exit: 1,
    meaning: 'A key is given, but the device does not offer encryption; nothing is sent.',
  },
  'device-encryption-key-wrong': { exit: 1, meaning: 'The device has another encryption key.' },
  'device-encryption-failed': {
    exit: 1,
    meaning: 'The encrypted connection broke: a frame is not valid, or the handshake was refused.',
  },
  'device-no-space': { exit: 1, meaning: 'The image does not fit the device.' },
  'device-no-partition': { exit: 1, meaning: 'The device has no partition for updates.' },
  'device-flash-failed': { exit: 1, meaning: 'The device could not prepare or write its flash.' },
  'device-flash-config': {
    exit: 1,
    meaning: 'The flash size in a firmware configuration is not that of the chip.',
  },
  'device-needs-reset': { exit: 1, meaning: 'The device must be reset by hand once.' },
  'device-image-refused': { exit: 1, meaning: 'The device finds the image invalid.' },
  'device-checksum-mismatch': {
    exit: 1,
    meaning: 'The device received other bytes than were sent.',
  },
  'device-signature-refused': { exit: 1, meaning: 'The device refuses the image signature.' },
  'device-downgrade-refused': {
    exit: 1,
    meaning: 'The device refuses a version that is not newer than its own.',
  },
  'device-unsupported': { exit: 1, meaning: 'The device cannot do what was asked.' },
  'device-partition-failed': {
    exit: 1,
    meaning: 'A partition table or bootloader could not be verified or written.',
  },
  'device-error': { exit: 1, meaning: 'The device reports an error without a known cause.' },
  'device-may-have-committed': {
    exit: 1,
    meaning: 'The device has the whole image but did not confirm; it is never written again.',
  },

  'delivery-failed': { exit: 1, meaning: 'At least one delivery failed; the report names each.' },
  'check-failed': { exit: 1, meaning: 'At least one check failed.' },
  cancelled: { exit: 130, meaning: 'Stopped by the user.' },
  internal: { exit: 70, meaning: 'A bug in the toolkit.' },
} as const satisfies Record<string, { exit: 1 | 2 | 70 | 130; meaning: string }>;

export type ErrorCode = keyof typeof errorCodes;
