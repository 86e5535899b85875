/*
 * gateway: the public HTTP port. It verifies tokens, decides who may ask what, and hands
 * requests to the services over RPC. It owns no tables and parses no business body; its
 * routes are the contracts of proto/.
 */
#include "gateway/app.h"

static const struct rpc_handler HANDLERS[] = { { NULL, NULL } };

static const struct svc_verb VERBS[] = {
    { "openapi", "openapi [--3.0]             print the API as an OpenAPI document",
      gateway_openapi_verb },
    { "asyncapi", "asyncapi                    print the events as an AsyncAPI document",
      gateway_asyncapi_verb },
    { 0 },
};

static const struct svc_def GATEWAY = {
    .name = "gateway",
    .purpose = "the public HTTP port",
    .peers = (const char *const[]){ "auth", "catalog", NULL },
    .config_size = sizeof(struct gateway_config),
    .options = GATEWAY_OPTIONS,
    .handlers = HANDLERS,
    .verbs = VERBS,
    .check = gateway_check,
    .init = gateway_init,
    .ready = gateway_ready,
    .drain = gateway_drain,
    .busy = gateway_busy,
    .deinit = gateway_deinit,
    .beat = gateway_beat,
};

int main(int argc, char **argv)
{
    return svc_main(argc, argv, &GATEWAY);
}
