# frozen_string_literal: true

Gem::Specification.new do |gem|
  gem.name = "chld"
  gem.version = "0.1.0"
  gem.summary = "Child processes that never lose a status, by libchld"
  gem.authors = ["libchld maintainers"]
  gem.licenses = ["MIT", "Apache-2.0"]
  gem.files = ["lib/chld.rb", "conformance.rb", "README.md"]
  gem.required_ruby_version = ">= 3.0"
  gem.add_dependency "ffi", "~> 1.15"
end
