/* The events of the contracts as an AsyncAPI document: one channel for each topic of PUB
 * (proto/PROTOCOL.md 6). A pure projection, made once at start. */
#include <string.h>

#include "base/mem.h"
#include "gateway/openapi_internal.h"
#include "svc/svc.h"

static const char DESCRIPTION[] =
    "What happens to users, for services inside: a ZeroMQ PUB socket with CURVE on every "
    "replica of the publisher. A message has two parts, the topic, which is the name of "
    "the channel, and one JSON object. PUB is a doorbell and may lose any message: the "
    "record is in the publisher's database, and `<service>.events.pull` gives every "
    "event "
    "that was missed, in order. Only keys of the allow-list are served.";

static const char BEACON[] =
    "{\"type\":\"object\",\"required\":[\"stream\",\"epoch\",\"head\",\"replica\"],"
    "\"properties\":{\"stream\":{\"type\":\"string\"},"
    "\"epoch\":{\"type\":\"string\",\"format\":\"uuid\"},"
    "\"head\":{\"type\":\"integer\",\"minimum\":0,"
    "\"description\":\"The last number given\"},"
    "\"replica\":{\"type\":\"string\"},"
    "\"note\":{\"type\":\"string\",\"maxLength\":64,"
    "\"description\":\"Of auth: the version of its key ring\"}}}";

/* One document while it is made. */
struct asyncapi {
    struct openapi schemas;
    json_t *channels, *messages;
};

static json_t *methods_that_emit(const json_t *file, const char *type)
{
    const json_t *method, *one;
    size_t i, j;
    json_t *found = json_array();
    json_array_foreach(json_object_get(file, "methods"), i, method)
    {
        json_array_foreach(json_object_get(method, "emits"), j, one)
        {
            if (strcmp(json_string_value(one), type) == 0)
                json_array_append(found, json_object_get(method, "name"));
        }
    }
    return found;
}

/* The members that all events of a service share, as its events.pull says them. */
static void add_event_schema(struct asyncapi *doc, const char *service,
                             const json_t *file)
{
    AUTO_FREE char *pull = xasprintf("%s.events.pull", service);
    AUTO_FREE char *name = xasprintf("%s.event", service);
    const json_t *method = openapi_find(json_object_get(file, "methods"), "name", pull),
                 *items = NULL;
    json_t *response = json_object_get(method, "response");
    if (json_unpack(response, "{s:{s:{s:o}}}", "properties", "events", "items", &items))
        BUG("a contract has events and no way to pull them");
    json_object_set_new(doc->schemas.schemas, name,
                        openapi_schema(&doc->schemas, service, items));
}

/* What is of this event alone, beside the members that all share. */
static json_t *own_part(const struct asyncapi *doc, const char *service,
                        const json_t *event)
{
    json_t *payload =
        openapi_schema(&doc->schemas, service, json_object_get(event, "payload"));
    return json_pack("{s:s, s:[s,s,s], s:{s:{s:O}, s:{s:s}, s:{s:s, s:i}, s:{s:O}, "
                     "s:{s:O}, s:o}}",
                     "type", "object", "required", "stream", "epoch", "head",
                     "properties", "stream", "const", json_object_get(event, "stream"),
                     "epoch", "type", "string", "head", "type", "integer", "minimum", 1,
                     "type", "const", json_object_get(event, "type"), "version", "const",
                     json_object_get(event, "version"), "payload", payload);
}

static void add_channel(struct asyncapi *doc, const char *topic, const char *name,
                        const json_t *summary)
{
    json_object_set_new(doc->channels, topic,
                        json_pack("{s:{s:s, s:O, s:o}}", "subscribe", "operationId", name,
                                  "summary", summary, "message",
                                  openapi_ref("messages", name)));
}

static void add_message(struct asyncapi *doc, const char *name, const json_t *summary,
                        json_t *payload, json_t *emitters)
{
    json_t *message =
        json_pack("{s:s, s:s, s:O, s:s, s:o}", "messageId", name, "name", name, "summary",
                  summary, "contentType", "application/json", "payload", payload);
    if (json_array_size(emitters) > 0)
        json_object_set(message, "x-emitted-by", emitters);
    json_decref(emitters);
    json_object_set_new(doc->messages, name, message);
}

static void add_event(struct asyncapi *doc, const char *service, const json_t *file,
                      const json_t *event)
{
    const char *type = json_string_value(json_object_get(event, "type"));
    const char *stream = json_string_value(json_object_get(event, "stream"));
    const json_t *summary = json_object_get(event, "summary");
    int version = (int)json_integer_value(json_object_get(event, "version"));
    AUTO_FREE char *topic = xasprintf("%s.v%d.%s", stream, version, type);
    AUTO_FREE char *name = xasprintf("%s.v%d", type, version);
    AUTO_FREE char *shared = xasprintf("%s.event", service);
    json_t *payload = json_pack("{s:[o,o]}", "allOf", openapi_ref("schemas", shared),
                                own_part(doc, service, event));
    add_message(doc, name, summary, payload, methods_that_emit(file, type));
    add_channel(doc, topic, name, summary);
}

static void add_beacon(struct asyncapi *doc, const json_t *event)
{
    const char *stream = json_string_value(json_object_get(event, "stream"));
    AUTO_FREE char *topic = xasprintf("beacon.%s", stream);
    json_t *summary = json_string("Where the stream stands, at most every 250 ms");
    if (!json_object_get(doc->channels, topic)) {
        add_message(doc, topic, summary, json_loads(BEACON, 0, NULL), NULL);
        add_channel(doc, topic, topic, summary);
    }
    json_decref(summary);
}

static void add_service(struct asyncapi *doc, const char *service)
{
    AUTO_FREE char *name = xasprintf("%s.json", service);
    struct str text = contract_file(name);
    json_t *file = json_loadb(text.p ? text.p : "", text.n, 0, NULL);
    const json_t *events = json_object_get(file, "events"), *event;
    size_t i;
    if (json_array_size(events) > 0)
        add_event_schema(doc, service, file);
    json_array_foreach(events, i, event)
    {
        add_event(doc, service, file, event);
        add_beacon(doc, event);
    }
    json_object_set_new(doc->schemas.files, service, file ? file : json_null());
}

json_t *asyncapi_document(const struct contract *contract)
{
    struct asyncapi doc = { .schemas = { .contract = contract,
                                         .version = OPENAPI_3_1,
                                         .files = json_object(),
                                         .schemas = json_object() },
                            .channels = json_object(),
                            .messages = json_object() };
    size_t n;
    const struct contract_method *m = contract_methods(contract, &n);
    for (size_t i = 0; i < n; i++)
        if (!json_object_get(doc.schemas.files, m[i].service))
            add_service(&doc, m[i].service);
    json_t *root =
        json_pack("{s:s, s:{s:s, s:s, s:s, s:{s:s}}, s:s, s:o, s:{s:o, s:o}}", "asyncapi",
                  "2.6.0", "info", "title", "Quintet's events", "version", SVC_VERSION,
                  "description", DESCRIPTION, "license", "name", "MIT",
                  "defaultContentType", "application/json", "channels", doc.channels,
                  "components", "messages", doc.messages, "schemas", doc.schemas.schemas);
    json_decref(doc.schemas.files);
    if (!root)
        BUG("an AsyncAPI document cannot be put together");
    return root;
}
