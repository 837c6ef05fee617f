//! async-openai as a user of a model: `openai-rust-client URL` reads the names of requests, one a line, and writes a line for
//! each: what its caller got, ` | `, and how long it waited before its retries. Waits are on virtual time, so that none is long.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::{OpenAIError, StreamError};
use async_openai::types::chat::{
    ChatCompletionMessageToolCalls, CreateChatCompletionRequest, CreateChatCompletionResponse,
};
use futures::StreamExt;
use serde_json::{Value, json};

fn request(with_tools: bool) -> CreateChatCompletionRequest {
    let mut request = json!({"model": "fake", "messages": [{"role": "user", "content": "Hi"}]});
    if with_tools {
        let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
        request["tools"] = json!([{"type": "function", "function": {"name": "weather", "parameters": parameters}}]);
    }
    serde_json::from_value(request).unwrap()
}

fn told(error: &OpenAIError) -> String {
    match error {
        OpenAIError::ApiError(error) => {
            let code = error.api_error.code.as_deref().unwrap_or("without code");
            format!("ApiError {} {code}", error.status_code.as_u16())
        }
        OpenAIError::StreamError(error) => match &**error {
            StreamError::EventStream(_) => "StreamError::EventStream".into(),
            StreamError::UnknownEvent(_) => "StreamError::UnknownEvent".into(),
        },
        OpenAIError::Reqwest(error) if error.is_timeout() => "Reqwest, a timeout".into(),
        OpenAIError::Reqwest(_) => "Reqwest".into(),
        OpenAIError::JSONDeserialize(..) => "JSONDeserialize".into(),
        other => format!("{other:?}"),
    }
}

fn called(name: &str, arguments: &str) -> String {
    match serde_json::from_str::<Value>(arguments) {
        Ok(arguments) => format!("calls {name} with {arguments}"),
        Err(_) => format!("calls {name} with what serde_json refuses"),
    }
}

fn said(answer: &CreateChatCompletionResponse) -> String {
    let Some(choice) = answer.choices.first() else { return "no choices".into() };
    match choice.message.tool_calls.as_deref() {
        Some([ChatCompletionMessageToolCalls::Function(call), ..]) => {
            called(&call.function.name, &call.function.arguments)
        }
        _ => format!("says {}", choice.message.content.as_deref().unwrap_or_default()),
    }
}

async fn complete(client: &Client<OpenAIConfig>, with_tools: bool) -> Result<String, OpenAIError> {
    Ok(said(&client.chat().create(request(with_tools)).await?))
}

async fn stream(client: &Client<OpenAIConfig>, with_tools: bool) -> Result<String, OpenAIError> {
    let mut chunks = client.chat().create_stream(request(with_tools)).await?;
    let (mut text, mut name, mut arguments, mut count) = (String::new(), String::new(), String::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => return Ok(format!("{} after {count} chunks", told(&error))),
        };
        count += 1;
        for choice in chunk.choices {
            text.extend(choice.delta.content);
            for function in choice.delta.tool_calls.into_iter().flatten().filter_map(|call| call.function) {
                name.extend(function.name);
                arguments.extend(function.arguments);
            }
        }
    }
    Ok(match (name.is_empty(), text.is_empty()) {
        (false, _) => called(&name, &arguments),
        (true, false) => format!("says {text}"),
        (true, true) => format!("says nothing in {count} chunks"),
    })
}

async fn ask(client: &Client<OpenAIConfig>, name: &str) -> String {
    let got = match name {
        "complete" => complete(client, false).await,
        "stream" => stream(client, false).await,
        "complete, tools" => complete(client, true).await,
        "stream, tools" => stream(client, true).await,
        other => return format!("no request {other}"),
    };
    got.unwrap_or_else(|error| told(&error))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let url = std::env::args().nth(1).unwrap();
    tokio::time::pause();
    for name in std::io::stdin().lines() {
        // No idle connections, whose timers would move the virtual time; the retries are the client's own.
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        let config = OpenAIConfig::new().with_api_base(&url).with_api_key("none");
        let client = Client::with_config(config).with_http_client(http);
        let start = tokio::time::Instant::now();
        let got = ask(&client, name.unwrap().trim()).await;
        let waited = start.elapsed();
        // A sleep of tokio is up to a millisecond longer.
        let waited = if waited.is_zero() { "none".into() } else { format!("{:.1} s in all", waited.as_secs_f64()) };
        println!("{got} | {waited}");
    }
}
