// Encrypts or decrypts standard input with typage, for tests/age/test_typage.py:
//     node age.mjs encrypt RECIPIENT…
//     node age.mjs decrypt IDENTITY…
//     node age.mjs pair                  a new post-quantum identity and its recipient, a line each

import { buffer } from "node:stream/consumers"
import { Decrypter, Encrypter, generateHybridIdentity, identityToRecipient } from "age-encryption"

const [what, ...keys] = process.argv.slice(2)
if (what === "pair") {
    const identity = await generateHybridIdentity()
    process.stdout.write(`${identity}\n${await identityToRecipient(identity)}\n`)
} else if (what === "encrypt") {
    const encrypter = new Encrypter()
    keys.forEach((recipient) => encrypter.addRecipient(recipient))
    process.stdout.write(await encrypter.encrypt(await buffer(process.stdin)))
} else {
    const decrypter = new Decrypter()
    keys.forEach((identity) => decrypter.addIdentity(identity))
    process.stdout.write(await decrypter.decrypt(await buffer(process.stdin)))
}
