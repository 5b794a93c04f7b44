console.log('wasm');
