// A real identity provider on this machine: node issuer.mjs PORT RESOURCE
//
// panva's oidc-provider, with two clients that get access tokens for themselves: one may do everything, the
// other only read. It also makes tokens for another resource, which must open nothing here.
import Provider from 'oidc-provider'

const [port, resource] = process.argv.slice(2)
const scopes = 'leads:read leads:write'
const client = (name, scope) => ({
  client_id: name,
  client_secret: `${name}-secret-${name}-secret`,
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
  token_endpoint_auth_method: 'client_secret_post',
  scope,
})
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [client('agent', scopes), client('reader', 'leads:read')],
  scopes: scopes.split(' '),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      getResourceServerInfo: (_, asked) => ({
        audience: asked,
        scope: scopes,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 600,
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
})
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'))
