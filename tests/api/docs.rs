use crate::helpers::{App, send};
use reqwest::Method;

#[tokio::test]
async fn every_operation_is_documented_in_words_with_answers() {
    let app = App::start().await;
    let document = send(app.anonymous(Method::GET, "/openapi.json")).await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].as_str().is_some_and(|words| !words.is_empty()), "{method} {path}");
            assert!(operation["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{method} {path}");
            assert!(operation["responses"].as_object().is_some_and(|all| !all.is_empty()), "{method} {path}");
        }
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        assert!(schema["description"].as_str().is_some_and(|words| !words.is_empty()), "{name}");
    }
    assert!(document["components"]["securitySchemes"]["api_key"].is_object());
}

#[tokio::test]
async fn the_documentation_page_needs_nothing_from_the_internet() {
    let app = App::start().await;
    let redirected = send(app.anonymous(Method::GET, "/docs")).await;
    assert_eq!(redirected.status, 200, "{redirected:?}");
    assert!(redirected.text.contains("swagger-ui"), "{redirected:?}");
    let initializer = send(app.anonymous(Method::GET, "/docs/swagger-initializer.js")).await.text;
    assert!(initializer.contains("/openapi.json"), "{initializer}");
    assert!(initializer.contains("\"validatorUrl\": \"none\""), "{initializer}");
    let mut assets = 0;
    for page in [&redirected.text, &initializer] {
        assert!(!page.contains("https://") && !page.contains("src=\"//"), "{page}");
    }
    for asset in redirected.text.split('"').filter(|word| word.ends_with(".js") || word.ends_with(".css")) {
        let path = format!("/docs/{}", asset.trim_start_matches("./"));
        assert_eq!(send(app.anonymous(Method::GET, &path)).await.status, 200, "{path}");
        assets += 1;
    }
    assert!(assets >= 3, "{redirected:?}");
}
